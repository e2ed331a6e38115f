"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.cli import COMMANDS
from lab.experiment import experiments, load
from lab.run import run
from lab.seeding import Seeds

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_experiment_it_shows_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "def build" in block]
    (tmp_path / "mlp_of_the_readme.py").write_text(shown)
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    experiment = load("mlp_of_the_readme")
    assert experiment.listing.summary == "A multi-layer perceptron names handwritten digits."
    outcome = run(experiment.make(experiment.smoke, Seeds(0)), experiment.smoke.run)
    assert outcome.state == "finished"
    assert outcome.metrics[experiment.target.metric] > 0.2  # chance is 0.1


def test_the_commands_it_shows_exist() -> None:
    commands = re.findall(r"^lab (\w+)(?: (\w+))?", README, re.MULTILINE)
    assert len(commands) > 8
    for command, name in commands:
        assert command in COMMANDS
        assert not name or name in experiments()
