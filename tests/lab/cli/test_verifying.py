"""`lab verify`: runs held to a target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.cli.verifying import judged_rows
from lab.experiment import Target
from lab.launching import Launched, launch
from lab.store import RunDirectory, find_runs

pytestmark = pytest.mark.usefixtures("toys")


def test_a_target_that_is_met(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["verify", "walk"]) == 0
    said = capsys.readouterr().out
    assert "PASS  walk: IQM " in said
    assert "the target is at least -100" in said
    assert "protocol: where it is at the end" in said
    assert len(find_runs(runs)) == 2, "as many seeds as the target asks for"
    assert main(["verify", "walk", "--json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert (verdict["experiment"], verdict["verdict"], verdict["passed"]) == ("walk", "pass", True)
    assert list(verdict["scores"]) == ["0", "1"]
    assert verdict["interval"][0] <= verdict["value"] <= verdict["interval"][1]


@pytest.mark.parametrize(
    ("words", "word"),
    [(["--walk.drift", "-1000"], "FAIL"), (["--seeds", "0"], "OPEN"), (["--nan-at", "3"], "OPEN")],
    ids=["missed", "too few seeds", "failed runs"],
)
def test_a_target_that_is_not_met(words: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "walk", *words]) == 1
    assert f"{word}  walk: " in capsys.readouterr().out


def test_what_cannot_be_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "walk_arms"]) == 2
    assert "states no target" in capsys.readouterr().err
    assert main(["verify", "wlk"]) == 2
    assert "Did you mean 'walk'" in capsys.readouterr().err
    assert main(["verify", "walk", "--variant", "drift"]) == 2
    assert "walk has no variant 'drift'" in capsys.readouterr().err
    assert main(["verify"]) == 2
    assert "Which experiment?" in capsys.readouterr().err


def test_the_budget_is_the_targets(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["verify", "walk", "--run.steps", "5"]) == 2
    assert "--run.steps is 5, but the target of walk is of 20 steps. Leave it out" in capsys.readouterr().err
    assert not runs.exists(), "another budget is refused, not passed over"
    assert main(["verify", "walk", "--run.steps", "20"]) == 0
    assert {directory.status()["step"] for directory in find_runs(runs)} == {20}


def test_the_page_is_written_where_it_is_asked_for(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["verify", "walk", "--json", "--report"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["passed"], "alone on standard output"
    assert f"Report: {(runs / 'report.html').resolve()}" in said.err
    assert (runs / "report.html").exists()


@pytest.mark.parametrize(
    ("rows", "state", "score"),
    [
        ([(500, 1.0), (1000, 2.0)], "finished", 2.0),
        ([(500, 1.0), (1007, 2.0)], "finished", 2.0),  # steps that advance by many units end a little later
        ([(500, 1.0), (1000, 2.0), (1005, 2.5), (1500, 3.0)], "finished", 2.0),  # a longer run, judged at the budget
        ([(500, 1.0), (1000, None), (1500, 3.0)], "finished", None),  # one that was not
        ([(500, 1.0), (1500, 3.0)], "finished", None),  # nor this one
        ([(500, 1.0)], "finished", None),
        ([(500, 1.0), (1000, 2.0)], "interrupted", None),
    ],
)
def test_the_score_is_that_at_the_targets_budget(
    rows: list[tuple[int, float | None]], state: str, score: float | None, tmp_path: Path
) -> None:
    target = Target(metric="eval/score", at_least=0.0, steps=1000, protocol="p", source="s")
    directory = RunDirectory(tmp_path)
    lines: list[dict[str, Any]] = [{"step": s, **({} if v is None else {"eval/score": v})} for s, v in rows]
    directory.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = judged_rows([Launched(directory, "walk", "", 4, state, "ran")], target)
    assert {seed: row["eval/score"] for seed, row in found.items()} == ({} if score is None else {4: score})


def test_a_score_that_is_no_number_is_no_score(tmp_path: Path) -> None:
    launched = launch("walk")
    rows = launched[0].directory.rows()
    rows[-1]["eval/score"] = None
    launched[0].directory.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    target = Target(metric="eval/score", at_least=0.0, steps=20, protocol="p", source="s")
    assert judged_rows(launched, target) == {}


def test_a_target_of_one_arm_is_verified_without_naming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "walk_held.py").write_text(
        '"""Walks, of which one is held to a number."""\n'
        "from dataclasses import replace\n"
        "from tests.toys import walk\n"
        "from tests.toys.walk_arms import SMOKE, Config, build, variants\n"
        'TARGET = replace(walk.TARGET, arm="drift")\n'
    )
    monkeypatch.setenv("LAB_EXPERIMENTS", str(folder))
    assert main(["verify", "walk_held"]) == 0
    assert "PASS  walk_held" in capsys.readouterr().out
    assert main(["verify", "walk_held", "--variant", "no_drift"]) == 2
    assert "is that of its arm 'drift', and the arm 'no_drift' is there to be compared" in capsys.readouterr().err
    for arm in ("drft", "no_drfit"):
        assert main(["verify", "walk_held", "--variant", arm]) == 2
        assert f"walk_held has no variant {arm!r}. Did you mean" in capsys.readouterr().err
    assert main(["run", "walk_held", "--seeds", "0"]) == 0
    held = {record["variant"]: record["target"] for record in (run.record() for run in find_runs(runs))}
    assert held["drift"]["arm"] == "drift"
    assert held["no_drift"] is None
