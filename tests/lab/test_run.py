"""The only loop: what it does when, told by a tape; budgets and resumes."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import lab.run
from lab.checkpoint import Checkpoints, digest
from lab.run import Averages, Outcome, Progress, run
from lab.seeding import Seeds
from lab.tracking import MemoryTracker
from tests.lab.run_doubles import Counter, Illustrator, TapedCheckpoints, TapedTracker, config, drive, timeless

# What happens when


def test_the_order_of_events(tmp_path: Path) -> None:
    tape: list[str] = []
    settings = config(steps=6, log_every=2, evaluate_every=3, save_every=2)
    tracker, checkpoints = TapedTracker(tape), TapedCheckpoints(tmp_path / "checkpoints", tape)
    outcome = run(Illustrator(tape), settings, tracker, checkpoints, media=tmp_path / "media")
    train, judged = "train/total train/steps", "train/total train/steps eval/score"
    assert tape == [
        "rewind -1",
        "step to 1",
        "step to 2", f"log 2: {train}", "save 2", "commit 2",
        "step to 3", "evaluate", f"log 3: {judged}",
        "step to 4", f"log 4: {train}", "save 4", "commit 4",
        "step to 5",
        "step to 6", "evaluate", f"log 6: {judged}", "illustrate",
        "media 6 000000000006-square.png", "save 6", "commit 6",
        "finish finished",
    ]  # fmt: skip
    assert (outcome.state, outcome.step) == ("finished", 6)
    assert (tmp_path / "media" / "000000000006-square.png").exists()


def test_the_order_of_events_of_a_resume(tmp_path: Path) -> None:
    settings = config(steps=6, log_every=4, evaluate_every=0, save_every=3)
    drive(settings, tmp_path, stop=lambda: "enough", trial=Counter(during=lambda step: None))  # stops after one step
    tape: list[str] = []
    run(Counter(tape), settings, TapedTracker(tape), TapedCheckpoints(tmp_path, tape))
    assert tape == [
        "load 1", "rewind 1", "step to 2",
        "step to 3", "save 3", "commit 3",
        "step to 4", "log 4: train/total train/steps",
        "step to 5",
        "step to 6", "evaluate", "log 6: train/total train/steps eval/score", "save 6", "commit 6", "finish finished",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stride", "logged", "judged", "saved"),
    [
        (1, [10, 20, 25], [15, 25], [7, 14, 21, 25]),
        (4, [12, 20, 28], [16, 28], [8, 16, 24, 28]),
        (7, [14, 21, 28], [21, 28], [7, 14, 21, 28]),
        (30, [30], [30], [30]),
    ],
)
def test_what_falls_due_while_steps_advance_by_many_units(
    stride: int, logged: list[int], judged: list[int], saved: list[int], tmp_path: Path
) -> None:
    tape: list[str] = []
    settings = config(steps=25, log_every=10, evaluate_every=15, save_every=7)
    tracker = TapedTracker(tape)
    outcome = run(Counter(tape, stride), settings, tracker, TapedCheckpoints(tmp_path, tape))
    rows = {int(row["step"]): row for row in tracker.rows}
    assert [step for step, row in rows.items() if "eval/score" in row] == judged
    assert sorted({*logged, *judged}) == list(rows)
    assert [line for line in tape if line.startswith("save")] == [f"save {step}" for step in saved]
    assert outcome.step == rows[max(rows)]["step"] >= 25


def test_rows_hold_means_since_the_row_before() -> None:
    _, rows, _ = drive(config(steps=7, log_every=3, evaluate_every=2))
    assert [(row["step"], row["train/steps"]) for row in rows] == [(2, 1.5), (3, 3.0), (4, 4.0), (6, 5.5), (7, 7.0)]


def test_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(lab.run, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def half_a_second(step: int) -> None:
        clock[0] += 0.5

    tracker = MemoryTracker()
    outcome, _, _ = drive(config(steps=4, log_every=2), trial=Counter(during=half_a_second), tracker=tracker)
    assert [(row["time/seconds"], row["time/steps_per_second"]) for row in tracker.rows] == [(1.0, 2.0), (2.0, 2.0)]
    assert outcome.seconds == 2.0


def test_the_watcher_is_told_of_every_row() -> None:
    told: list[Progress] = []
    drive(config(), watch=told.append)
    assert [(news.step, news.budget, news.unit, "eval/score" in news.row) for news in told] == [
        (5, 20, "paces", False), (10, 20, "paces", True), (15, 20, "paces", False), (20, 20, "paces", True),
    ]  # fmt: skip


# Budgets


def test_the_budget_of_steps_is_raised_and_the_run_goes_on(tmp_path: Path) -> None:
    first, rows, _ = drive(config(steps=10), tmp_path)
    second, more, _ = drive(config(steps=20), tmp_path)
    straight, whole, _ = drive(config(steps=20))
    assert (first.step, second.step) == (10, 20)
    assert rows + more == whole
    assert second.state_sha256 == straight.state_sha256


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first, _, _ = drive(config(), tmp_path)
    again, rows, trial = drive(config(), tmp_path)
    assert trial.tape == ["load 20"]
    assert rows == []
    assert again.state_sha256 == first.state_sha256
    assert again.metrics == first.metrics


def test_the_budget_of_time_counts_all_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(lab.run, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def half_a_minute(step: int) -> None:
        clock[0] += 30.0

    settings = config(minutes=2.0)
    first, rows, _ = drive(settings, tmp_path, trial=Counter(during=half_a_minute))
    assert (first.state, first.step, first.seconds) == ("finished", 4, 120.0)
    assert [row["step"] for row in rows] == [4]
    assert "eval/score" in rows[-1]
    clock[0] = 1_000.0  # the time between two attempts is nobody's
    second, rows, _ = drive(replace(settings, minutes=3.0), tmp_path, trial=Counter(during=half_a_minute))
    assert (second.state, second.step, second.seconds) == ("finished", 6, 180.0)
    assert [row["step"] for row in rows] == [5, 6]


@pytest.mark.parametrize("seconds", [60.0, 75.0], ids=["at a row and a checkpoint", "a step later"])
def test_out_of_time_a_run_ends_like_any_other(seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(lab.run, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def some_seconds(step: int) -> None:
        clock[0] += 15.0

    tracker = MemoryTracker()
    limited = config(log_every=2, evaluate_every=0, save_every=4, minutes=seconds / 60)
    outcome, rows, _ = drive(limited, tmp_path, trial=Counter(during=some_seconds), tracker=tracker)
    assert (outcome.step, outcome.state) == (seconds / 15, "finished")
    assert rows[-1]["step"] == outcome.step
    assert rows[-1]["eval/score"] == outcome.metrics["eval/score"], "the last judgement has a row"
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.state["run"]["logged_step"] == found.state["run"]["judged_step"] == found.step == outcome.step
    assert found.state["run"]["averages"] == Averages().state_dict(), "what was told is not told again"


def test_whichever_budget_ends_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(lab.run, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    outcome, _, _ = drive(config(steps=2, minutes=100.0))
    assert (outcome.state, outcome.step) == ("finished", 2)


# Resuming


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("stops", [(1,), (7,), (10,), (17,), (3, 4, 11)], ids=str)
def test_a_resume_in_the_middle_of_anything_changes_no_row(stops: tuple[int, ...], stride: int, tmp_path: Path) -> None:
    straight, expected, _ = drive(config(), trial=Counter(stride=stride))
    seen: list[dict[str, float]] = []
    for stop in stops:
        trial = Counter(stride=stride)
        stopper: Any = lambda trial=trial, stop=stop: "enough" if trial.steps >= stop else ""  # noqa: E731
        outcome, rows, _ = drive(config(), tmp_path, trial=trial, stop=stopper)
        assert (outcome.state, outcome.reason, outcome.state_sha256) == ("interrupted", "enough", None)
        seen += rows
    outcome, rows, _ = drive(config(), tmp_path, trial=Counter(stride=stride))
    assert seen + rows == expected
    assert outcome.state_sha256 == straight.state_sha256


def test_a_break_loses_only_what_no_checkpoint_covers_and_no_step_stands_twice(tmp_path: Path) -> None:
    def breaks(step: int) -> None:
        if step == 18:
            raise ZeroDivisionError

    tracker = MemoryTracker()
    with pytest.raises(ZeroDivisionError):
        drive(config(), tmp_path, trial=Counter(during=breaks), tracker=tracker)
    assert tracker.state == "failed"
    assert [row["step"] for row in tracker.rows] == [5, 10, 15]
    drive(config(), tmp_path, tracker=tracker)
    _, expected, _ = drive(config())
    assert [timeless(row) for row in tracker.rows] == expected


def test_rows_without_a_checkpoint_are_forgotten_when_the_run_starts_again(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    tracker.log(5, {"train/total": 1.0})
    _, rows, _ = drive(config(), tmp_path, tracker=tracker)
    assert [row["step"] for row in rows] == [5, 10, 15, 20]


def test_the_newest_intact_checkpoint_is_gone_on_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    straight, _, _ = drive(config(), tmp_path)
    torn = tmp_path / "step-000000000020" / "tensors.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    outcome, _, trial = drive(config(), tmp_path)
    assert trial.tape[0] == "load 10"
    assert "step 20 is not intact" in caplog.text
    assert "10 steps are repeated" in caplog.text
    assert outcome.state_sha256 == straight.state_sha256


# Evaluation and the global generator


@pytest.mark.parametrize("every", [0, 1, 7, 1_000])
def test_evaluating_at_any_cadence_changes_nothing(every: int) -> None:
    never, _, _ = drive(config(evaluate_every=0))
    outcome, rows, trial = drive(config(evaluate_every=every))
    assert trial.tape.count("evaluate") == {0: 1, 1: 20, 7: 3, 1_000: 1}[every]
    assert outcome.state_sha256 == never.state_sha256
    assert outcome.metrics == {"eval/score": rows[-1]["eval/score"]} == {"eval/score": float(trial.total * 2)}


def test_illustrating_changes_nothing(tmp_path: Path) -> None:
    plain, _, _ = drive(config(), tmp_path / "a")
    shown, _, _ = drive(config(), tmp_path / "b", trial=Illustrator(), media=tmp_path / "media")
    assert plain.state_sha256 == shown.state_sha256
    generators = [
        Checkpoints(tmp_path / which).newest().state["run"]["generators"]["cpu"]  # type: ignore[union-attr]
        for which in "ab"
    ]
    assert torch.equal(*generators)


def test_the_global_generator_is_the_runs_own_and_afterwards_as_before() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, _, _ = drive(config())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    second, _, _ = drive(config())
    assert first.state_sha256 == second.state_sha256
    assert run(Counter(), config(), seeds=Seeds(1)).state_sha256 != first.state_sha256


def test_runs_outside_the_main_thread() -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(drive(config())[0]))
    thread.start()
    thread.join()
    assert outcomes[0].state == "finished"


# Averages and devices


def test_averages_mix_numbers_and_tensors_without_changing_a_bit() -> None:
    third = torch.tensor(1 / 3)  # float32
    first, second = Averages(), Averages()
    for value in (third, torch.tensor(2, dtype=torch.int64), 0.1):
        first.add(1, {"x": value})
    second.add(1, {"x": third})
    resumed = Averages()
    resumed.load_state_dict(second.state_dict())
    for value in (torch.tensor(2, dtype=torch.int64), 0.1):
        resumed.add(1, {"x": value})
    assert first.take() == resumed.take() == {"x": (float(third) + 2 + 0.1) / 3}
    assert first.take() == {}


def test_large_whole_numbers_average_alike_with_and_without_a_resume() -> None:
    counts = [torch.tensor(2**24 + 1), torch.tensor(0.5)]
    straight, resumed = Averages(), Averages()
    for k, value in enumerate(counts):
        straight.add(k, {"x": value})
        resumed.add(k, {"x": value})
        state = resumed.state_dict()
        resumed = Averages()
        resumed.load_state_dict(state)
    assert straight.take() == resumed.take()


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert config(device="auto").torch_device() == torch.device("cpu")
    for name in ("cuda:97", "vulcan", "gpu"):
        with pytest.raises(
            ValueError, match=rf"run.device is '{name}', which this machine cannot use .*There are: cpu"
        ):
            config(device=name).torch_device()


def test_digest_is_that_of_the_trials_state() -> None:
    outcome, _, trial = drive(config())
    assert outcome.state_sha256 == digest(trial.state_dict())
