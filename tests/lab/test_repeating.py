"""A run repeated from its directory alone, and what sets two runs apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.launching import launch
from lab.repeating import Parting, difference, first_parting, rerun
from lab.store import RunDirectory, RunError, find_runs
from tests.lab.written_runs import written

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def walked() -> RunDirectory:
    """A finished run with settings of its own."""
    (run,) = launch("walk", [4], changes={"walk.drift": 0.75, "run.steps": 17})
    return run.directory


def test_a_run_comes_out_identical_from_its_directory_alone(walked: RunDirectory, runs: Path) -> None:
    found = rerun(walked)
    assert found.identical
    assert found.parting is None
    assert found.changed == []
    assert found.again.status()["state_sha256"] == walked.status()["state_sha256"]
    assert found.again.record()["config"]["walk"]["drift"] == 0.75
    assert found.again.path.is_relative_to(walked.path)
    assert [run.path for run in find_runs(runs)] == [walked.path], "the repeat is no run of its own"
    assert rerun(walked).identical, "and takes the place of an earlier one"


def test_a_run_whose_budget_and_cadence_were_raised_comes_out_identical() -> None:
    for steps, log_every, evaluate_every in [(7, 5, 10), (13, 4, 0), (18, 5, 3)]:
        changes = {"run.steps": steps, "run.log_every": log_every, "run.evaluate_every": evaluate_every}
        (run,) = launch("walk", [4], changes=changes)
    assert [row["step"] for row in run.directory.rows()] == [5, 7, 8, 12, 13, 15, 18]
    found = rerun(run.directory)
    assert (found.parting, found.identical) == (None, True)
    assert find_runs(found.again.path.parents[2]) == [found.again]


def test_a_run_that_was_out_of_time_comes_out_identical() -> None:
    (run,) = launch("walk", [4], changes={"seconds": 0.02, "run.steps": 1000, "run.minutes": 0.005})
    assert run.directory.status()["step"] < 100
    assert rerun(run.directory).identical


def test_a_repeat_that_is_still_going_is_left_alone(walked: RunDirectory) -> None:
    again = rerun(walked).again
    with again.lock(), pytest.raises(RunError, match="is being run by another `lab rerun`"):
        rerun(walked)
    assert again.status()["state"] == "finished"


def test_where_it_parts_and_what_has_changed_is_told(walked: RunDirectory) -> None:
    environment = walked.environment()
    environment["versions"]["torch"] = "1.0"
    walked.write_environment(environment)
    rows = walked.rows()
    rows[1]["train/position"] += 1
    walked.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = rerun(walked)
    assert not found.identical
    assert found.parting is not None
    assert (found.parting.step, found.parting.metric) == (rows[1]["step"], "train/position")
    assert found.parting.ours - found.parting.theirs == pytest.approx(1)
    assert any(change.startswith("torch was 1.0, is ") for change in found.changed)


def test_another_state_at_the_end_is_not_identical(walked: RunDirectory) -> None:
    status = json.loads((walked.path / "status.json").read_text())
    (walked.path / "status.json").write_text(json.dumps(status | {"state_sha256": "0" * 64}))
    found = rerun(walked)
    assert not found.identical
    assert found.parting is None


def test_a_run_that_has_not_finished_has_no_end_to_be_held_to(runs: Path) -> None:
    directory = written(runs, "walk", 0, {5: 1.0}, state="interrupted")
    with pytest.raises(RunError, match="is interrupted at step 5, so there is no end to hold a repeat to"):
        rerun(directory)


def test_the_first_parting_by_hand() -> None:
    ours = [{"step": 1, "a": 1.0, "time/seconds": 3.0}, {"step": 2, "a": 2.0}, {"step": 3, "a": 9.0}]
    assert first_parting(ours, [dict(row, **{"time/seconds": 8.0}) for row in ours]) is None
    assert first_parting(ours, ours[:2]) == Parting(3, "step", 3, None)
    assert first_parting(ours, [ours[0], {"step": 2, "a": 2.5}, {"step": 3, "a": 1.0}]) == Parting(2, "a", 2.0, 2.5)
    assert first_parting(ours, [*ours[:2], {"step": 3, "a": 9.0, "b": None}]) is None, "a value of None is none"


def test_what_sets_two_runs_apart(runs: Path) -> None:
    launch("walk", [0, 1])
    launch("walk", [0], changes={"walk.drift": 0.9, "note": "steeper"})
    by_settings: dict[float, list[RunDirectory]] = {}
    for run in find_runs(runs):
        by_settings.setdefault(run.record()["config"]["walk"]["drift"], []).append(run)
    plain, other = by_settings[0.5]
    (steeper,) = by_settings[0.9]
    assert difference(plain, other).settings == {"seed": (0, 1)}
    found = difference(plain, steeper)
    assert found.settings == {"walk.drift": (0.5, 0.9), "note": ("none", "steeper")}
    assert found.stood_on == []
    assert found.parting is not None
    assert found.last["step"] == (20, 20)
    assert found.last["eval/score"][1] - found.last["eval/score"][0] == pytest.approx(20 * 0.4)
    same = difference(plain, plain)
    assert (same.settings, same.parting) == ({}, None)
