"""The loop when something goes wrong: numbers that are none, a full disk, a tracker that cannot close."""

from __future__ import annotations

import math
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lab.checkpoint import CheckpointError, Checkpoints
from lab.optim import NonFinite
from lab.run import NonFiniteMetric, run
from lab.seeding import Seeds
from lab.tracking import MemoryTracker
from lab.trial import Metrics, State
from tests.lab.run_doubles import Counter, config, drive


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, torch.tensor(math.nan), torch.tensor(math.inf)], ids=str
)
@pytest.mark.parametrize("log_every", [1, 5, 1_000])
def test_a_metric_that_is_no_number_stops_with_step_and_name_and_saves_nothing(
    bad: float | Tensor, log_every: int, tmp_path: Path
) -> None:
    def during(step: int) -> Metrics:
        return {"fine": 1.0, "loss": bad if step >= 7 else torch.tensor(float(step))}

    tracker = MemoryTracker()
    settings = config(log_every=log_every, evaluate_every=0, save_every=4)
    with pytest.raises(NonFiniteMetric) as raised:
        drive(settings, tmp_path, trial=Counter(during=during), tracker=tracker)
    assert f"'loss' became {float(bad)} at step 7." in str(raised.value)
    assert "learning rate" in str(raised.value), "the fix"
    assert tracker.state == "failed"
    assert Checkpoints(tmp_path).steps() == [4]
    assert all(math.isfinite(value) for row in tracker.rows for value in row.values())


def test_a_loss_caught_before_the_parameters_took_it_names_the_step(tmp_path: Path) -> None:
    def during(step: int) -> None:
        if step == 7:
            raise NonFinite("loss", math.nan, "update 6", "Lower learning_rate.")

    with pytest.raises(NonFiniteMetric, match=r"Stopped in the step after 6 paces: loss is nan at update 6.*Lower"):
        drive(config(save_every=3), tmp_path, trial=Counter(during=during))
    assert Checkpoints(tmp_path).steps() == [3, 6]


def test_a_signal_does_not_save_a_number_that_is_none(tmp_path: Path) -> None:
    def during(step: int) -> Metrics:
        if step == 3:
            signal.raise_signal(signal.SIGTERM)
        return {"loss": math.nan}

    with pytest.raises(NonFiniteMetric, match="at step 1"):
        drive(config(), tmp_path, trial=Counter(during=during))
    assert Checkpoints(tmp_path).newest() is None


def test_what_went_wrong_first_is_told_although_the_tracker_cannot_close() -> None:
    class Broken(MemoryTracker):
        def finish(self, state: str, state_sha256: str | None = None) -> None:
            raise OSError("No space left on device")

    def breaks(step: int) -> None:
        raise ZeroDivisionError("the cause")

    with pytest.raises(ZeroDivisionError, match="the cause"):
        drive(config(), trial=Counter(during=breaks), tracker=Broken())


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    class Full(Checkpoints):
        def save(self, step: int, state: State) -> None:
            if step > 10:
                raise CheckpointError("full")
            super().save(step, state)

    tracker = MemoryTracker()
    with pytest.raises(CheckpointError):
        run(Counter(), config(save_every=5), tracker, Full(tmp_path), seeds=Seeds(0))
    assert tracker.state == "failed"
    assert tracker.committed == 10
    outcome, _, trial = drive(config(save_every=5), tmp_path, tracker=tracker)
    assert trial.tape[0] == "load 10"
    assert outcome.state_sha256 == drive(config())[0].state_sha256


# Signals
