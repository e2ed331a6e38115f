"""When a run logs and judges, and how one that repeats it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cadence import Every, Moments, cadence_of, crossed, give
from lab.run import RunConfig
from lab.store import RunDirectory, RunError

CONFIG = RunConfig(steps=100, log_every=4, evaluate_every=6, save_every=0)


@pytest.mark.parametrize(
    ("before", "after", "period", "expected"),
    [(3, 4, 4, True), (4, 5, 4, False), (2, 9, 4, True), (4, 7, 4, False), (0, 9, 0, False)],
)
def test_a_period_is_crossed_once_whatever_the_stride(before: int, after: int, period: int, expected: bool) -> None:
    assert crossed(before, after, period) is expected


def test_as_often_as_a_config_says() -> None:
    due = {step: Every(CONFIG).due(step - 1, step) for step in range(1, 13)}
    assert [step for step, (log, _) in due.items() if log] == [4, 6, 8, 12]
    assert [step for step, (_, judge) in due.items() if judge] == [6, 12]


def test_when_another_run_did(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    assert cadence_of(directory, CONFIG) == Every(CONFIG)
    rows = [{"step": 3, "train/loss": 1.0}, {"step": 5, "train/loss": 1.0, "eval/score": 2.0}, {"step": 9}]
    give(directory, Moments.of(rows))
    found = cadence_of(directory, CONFIG)
    assert [found.due(step - 1, step) for step in (3, 4, 5, 9)] == [
        (True, False), (False, False), (True, True), (True, False),
    ]  # fmt: skip
    (directory.path / "moments.json").write_text("{")
    with pytest.raises(RunError, match=r"moments\.json is not JSON"):
        cadence_of(directory, CONFIG)
