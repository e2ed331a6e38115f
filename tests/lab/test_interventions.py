"""The requests for changes of a run's settings, and the file of those that were taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.interventions import (
    FILE,
    REQUESTS,
    Answer,
    Intervention,
    answer,
    answer_to,
    ask,
    copy,
    interventions,
    nursed_note,
    record,
    refuse_nursed,
    waiting,
    withdraw,
)
from lab.store import RunDirectory, RunError


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    path = tmp_path / "walk" / "0123456789" / "seed-3"
    path.mkdir(parents=True)
    return RunDirectory(path)


def taken(step: int, **settings: object) -> Intervention:
    return Intervention(step=step, settings=settings, why="flat", when="2026-01-01T00:00:00+00:00", id=str(step))


def test_what_was_taken_is_read_back_in_order(directory: RunDirectory, tmp_path: Path) -> None:
    assert interventions(directory) == []
    assert nursed_note(directory) == ""
    refuse_nursed("walk", [directory])
    both = [taken(4_000, drift=0.25), taken(9_000, limit=None)]
    record(directory, both[:1])
    assert nursed_note(directory) == "it was nursed at step 4,000 (drift = 0.25), so it is no run of these settings"
    record(directory, both)
    assert interventions(directory) == both
    assert "at step 4,000 (drift = 0.25 and 1 more)" in nursed_note(directory)
    assert [path.name for path in directory.path.iterdir()] == [FILE], "nothing is left of writing aside"
    with pytest.raises(RunError, match=r"seed 3, does not count: it was nursed at step 4,000.*--seeds 3 --fresh"):
        refuse_nursed("walk", [RunDirectory(tmp_path), directory])
    other = RunDirectory(tmp_path)
    copy(directory, other)
    assert interventions(other) == both


@pytest.mark.parametrize("line", ["{", "[]", '{"step": 3}', '{"step": "soon", "settings": {}}', "\x00"])
def test_a_damaged_file_is_told_and_not_passed_over(line: str, directory: RunDirectory) -> None:
    record(directory, [taken(4, drift=1.0)])
    with open(directory.path / FILE, "a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match=rf"Line 2 of .*{FILE} is no intervention .*--fresh"):
        interventions(directory)


def test_what_is_asked_waits_until_it_is_answered(directory: RunDirectory) -> None:
    assert waiting(directory) == []
    first, second, third = (ask(directory, {"drift": float(i)}, why=f"number {i}") for i in range(3))
    assert waiting(directory) == [first, second, third]
    assert answer_to(directory, first) is None
    answer(directory, first, Answer(state="taken", step=7))
    answer(directory, first, Answer(state="taken", step=7))  # as after a kill between the two
    assert answer_to(directory, first) == Answer(state="taken", step=7)
    assert waiting(directory) == [second, third]
    assert withdraw(directory, second)
    assert not withdraw(directory, second)
    assert waiting(directory) == [third]


def test_what_is_no_request_is_passed_over(directory: RunDirectory) -> None:
    request = ask(directory, {"drift": 1.0})
    folder = directory.path / REQUESTS
    (folder / "torn.json").write_text("{")
    (folder / "other.json").write_text(json.dumps({"settings": {}}))
    (folder / "renamed.json").write_text((folder / f"{request.id}.json").read_text())
    assert waiting(directory) == [request]


def test_a_full_disk_keeps_what_was_there(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    record(directory, [taken(4, drift=1.0)])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="could not be written: No space left on device"):
        record(directory, [taken(4, drift=1.0), taken(5, drift=2.0)])
    with pytest.raises(RunError, match="No space left on device"):
        ask(directory, {"drift": 2.0})
    assert interventions(directory) == [taken(4, drift=1.0)]
    assert waiting(directory) == []
