"""`lab rerun` and `lab diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.launching import launch

pytestmark = pytest.mark.usefixtures("toys")


def test_rerun(capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = launch("walk", [2])
    assert main(["rerun", "walk"]) == 0
    assert capsys.readouterr().out.startswith(f"identical: {run.directory.path / 'rerun'}")
    rows = run.directory.metrics_file.read_text().replace('"train/position": ', '"train/position": 1')
    run.directory.metrics_file.write_text(rows)
    assert main(["rerun", "walk"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("not identical: ")
    assert "the two part at step 5: train/position was 1" in said
    assert "nothing that is known has changed since" in said


def test_diff(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    launch("walk", [0, 1])
    address = next((runs / "walk").iterdir()).name
    names = [f"walk/{address}/seed-{seed}" for seed in (0, 1)]
    assert main(["diff", *names]) == 0
    said = capsys.readouterr().out
    assert "seed" in said
    assert "Code, libraries and hardware are the same." in said
    assert "They part at step 5: train/loss is " in said
    assert "eval/score" in said
    assert main(["diff", *names, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == {"seed": [0, 1]}
    assert main(["diff", names[0], names[0]]) == 0
    said = capsys.readouterr().out
    assert "The settings are the same." in said
    assert "Every logged value is the same, times left out." in said


@pytest.mark.parametrize("words", [["rerun", "walks"], ["diff", "walk", "walks"]])
def test_no_such_run(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    launch("walk", [0])
    assert main(words) == 2
    assert "There is no run 'walks'" in capsys.readouterr().err
