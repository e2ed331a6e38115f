"""`lab list` and `lab runs`, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.launching import launch
from lab.store import find_runs

pytestmark = pytest.mark.usefixtures("toys")


def strictly(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "supervised" in lines
    assert any(line.startswith("  mlp_digits ") for line in lines)
    assert any("A random walk with a drift" in line for line in lines)
    assert main(["list", "--json"]) == 0
    items = {item["name"]: item for item in strictly(capsys.readouterr().out)}
    assert items["cnn_digits"]["wing"] == "supervised"
    assert Path(items["cnn_digits"]["path"]).exists()
    assert items["walk"]["summary"] == "A random walk with a drift: the smallest experiment there is."


def test_no_runs(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == f"There are no runs under {runs}. `lab list` shows what can be launched.\n"
    assert main(["runs", "--json"]) == 0
    assert strictly(capsys.readouterr().out) == []
    assert main(["runs", "walk"]) == 2


def test_runs(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    launch("walk", [0, 1])
    launch("walk", changes={"nan_at": 3})
    launch("walk_arms", variants=["drift"])
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 4
    assert sum("finished" in line and "score " in line for line in lines) == 3
    assert sum("failed" in line and "'loss' became nan" in line for line in lines) == 1
    assert main(["runs", "walk_arms", "--json"]) == 0
    (item,) = strictly(capsys.readouterr().out)
    assert (item["experiment"], item["variant"], item["seed"], item["state"]) == ("walk_arms", "drift", 0, "finished")
    assert (item["step"], item["budget"], item["unit"]) == (20, 20, "paces")
    assert list(item["evaluation"]) == ["eval/score"]
    assert main(["runs", "wlk"]) == 2
    assert "There is no run of 'wlk'" in capsys.readouterr().err
    assert main(["runs", "--runs-dir", str(runs / "absent")]) == 0


def test_damaged_runs_and_numbers_that_are_none_hide_nothing(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    launch("walk", [0, 1, 2])
    directories = find_runs(runs)
    (directories[0].path / "config.json").write_text("{")
    rows = directories[1].rows()
    rows[-1]["eval/score"] = None  # how a value that is not finite stands in metrics.jsonl
    directories[1].metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert "damaged" in lines[0]
    assert "is not JSON" in lines[0]
    assert "score not finite" in lines[1]
    assert "finished" in lines[2]
    assert main(["runs", "--json"]) == 0
    assert [item["state"] for item in strictly(capsys.readouterr().out)] == ["damaged", "finished", "finished"]
    assert main(["run", "walk", "--seeds", "1"]) == 0
    assert "score not finite" in capsys.readouterr().out
