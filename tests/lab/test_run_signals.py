"""Signals to a run: the step ends, a checkpoint is saved, and how it ended is named."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

import lab.run
from lab.checkpoint import Checkpoints, Found
from lab.tracking import MemoryTracker
from tests.lab.run_doubles import Counter, config, drive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_step_end_saves_and_is_named(number: signal.Signals, tmp_path: Path) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}

    def during(step: int) -> None:
        if step == 7:
            signal.raise_signal(number)

    tracker = MemoryTracker()
    outcome, rows, _ = drive(config(), tmp_path, trial=Counter(during=during), tracker=tracker)
    assert (outcome.state, outcome.step, outcome.reason) == ("interrupted", 7, number.name)
    assert tracker.state == "interrupted"
    found: Found | None = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == 7
    assert {each: signal.getsignal(each) for each in before} == before
    resumed, more, _ = drive(config(), tmp_path)
    straight, expected, _ = drive(config())
    assert rows + more == expected
    assert resumed.state_sha256 == straight.state_sha256


@pytest.mark.parametrize(("pause", "held_back"), [(0.1, True), (5.0, False)])
def test_an_echo_of_a_signal_is_held_back_and_a_second_one_is_not(
    pause: float, held_back: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(lab.run, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it

    def during(step: int) -> None:
        if step == 7:
            signal.raise_signal(signal.SIGINT)
            clock[0] += pause  # seconds
            signal.raise_signal(signal.SIGINT)

    tracker = MemoryTracker()
    try:
        with nullcontext() if held_back else pytest.raises(KeyboardInterrupt):
            drive(config(save_every=5), tmp_path, trial=Counter(during=during), tracker=tracker)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert Checkpoints(tmp_path).steps() == ([5, 7] if held_back else [5])


def test_a_signal_in_the_last_step_finishes() -> None:
    outcome, _, _ = drive(
        config(steps=3), trial=Counter(during=lambda step: signal.raise_signal(signal.SIGTERM) if step == 3 else None)
    )
    assert outcome.state == "finished"
