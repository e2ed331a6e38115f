"""The only loop: it drives a trial and decides when to log, judge, save and stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from lab import parallel
from lab.cadence import Cadence, Every, crossed
from lab.checkpoint import Checkpoints, digest
from lab.garbage import collect_garbage
from lab.means import Averages, NonFiniteMetric
from lab.media import write_media
from lab.optim import NonFinite
from lab.records import Records
from lab.seeding import Seeds, global_generators, preserved_generators, set_global_generators
from lab.tracking import NullTracker, Tracker
from lab.trial import Illustrated, Metrics, Nursed, Record, Recorded, State, Trial


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Budget, cadence, machine and tracking: what decides when to look and where, not what is learnt."""

    steps: int
    """Budget, in the trial's unit."""
    minutes: float | None = None
    """Budget in minutes of wall-clock time, resumes included; none by default. Whichever budget ends first counts."""
    log_every: int
    """Trial's units between two rows of metrics."""
    evaluate_every: int
    """Trial's units between two evaluations; 0 evaluates at the end only."""
    save_every: int
    """Trial's units between two checkpoints; 0 saves at the end only."""
    keep: int = 2
    """Checkpoints kept, the newest ones; at least 2, so that a torn one has a predecessor."""
    device: str = "auto"
    """'cpu', 'cuda', 'cuda:1', or 'auto': the GPU where there is one."""
    threads: int | None = None
    """Threads of torch; by default the cores divided by the parallel jobs and their devices."""
    deterministic: bool = True
    """Deterministic kernels only. Off is faster on some GPU work, and resuming is then no longer exact."""
    wandb: Literal["auto", "online", "offline", "off"] = "auto"
    """'auto' is online where there is an account and a network, else offline; it never asks."""

    def __post_init__(self) -> None:
        for name, least in [("steps", 1), ("log_every", 1), ("evaluate_every", 0), ("save_every", 0), ("keep", 2)]:
            if getattr(self, name) < least:
                raise ValueError(f"run.{name} is {getattr(self, name)}. It must be at least {least}.")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"run.minutes is {self.minutes}. It must be above 0, or none for no limit.")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"run.threads is {self.threads}. It must be at least 1, or none.")

    def torch_device(self) -> torch.device:
        """The device that `device` names. Raises DeviceError if the machine does not have it."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
            raise DeviceError(
                f"run.device is {self.device!r}, which this machine cannot use ({str(error).splitlines()[0]}). "
                f"There are: {', '.join(there)}. 'auto' takes the GPU where there is one."
            ) from error
        return device


class DeviceError(ValueError):
    """The machine does not have the device that was asked for."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: Literal["finished", "interrupted"]
    step: int
    seconds: float  # wall-clock time of all attempts together
    metrics: dict[str, float]  # the last evaluation's, named as in metrics.jsonl
    state_sha256: str | None = None  # of the trial's whole final state, once finished
    reason: str = ""  # why it was interrupted


@dataclass(frozen=True)
class Progress:
    """What a display is told whenever something was logged or saved."""

    step: int
    budget: int
    unit: str
    row: Mapping[str, float]


def run(
    trial: Trial | Nursed,
    config: RunConfig,
    tracker: Tracker | None = None,
    checkpoints: Checkpoints | None = None,
    *,
    seeds: Seeds | None = None,
    media: Path | None = None,
    records: Records | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], str] | None = None,
    cadence: Cadence | None = None,
) -> Outcome:
    """Trains until a budget is spent, going on from the newest intact checkpoint if there is one.

    A trial that is `Nursed` is built here, and anew from a checkpoint whenever it is to be another. On SIGTERM and
    Ctrl-C the step is finished, a checkpoint saved and an interrupted Outcome returned. `stop`, asked after every step,
    ends the run in the same way when it returns a reason. `seeds` seeds the global generator, which only dropout draws
    from. `media` is the folder for what an `Illustrated` trial shows at the end, `records` keeps what a `Recorded` one
    tells; without them, nothing is shown or kept. `cadence`, by default as the config says, is when to log and judge.
    Threads and deterministic kernels belong to the process: a job sets them, and a program of your own wraps this call
    in `lab.provenance.fixed_bits`. Several processes that train together (lab.parallel) each call this and stop at the
    same step. Raises NonFiniteMetric, with the last checkpoint untouched, when a loss is not a number.
    """
    cadence = cadence or Every(config)
    return _Loop(
        trial, config, tracker or NullTracker(), checkpoints, seeds, media, records, watch, stop, cadence
    ).run()


class _Loop:
    """What one call of `run` knows."""

    def __init__(
        self,
        trial: Trial | Nursed,
        config: RunConfig,
        tracker: Tracker,
        checkpoints: Checkpoints | None,
        seeds: Seeds | None,
        media: Path | None,
        records: Records | None,
        watch: Callable[[Progress], None],
        stop: Callable[[], str] | None,
        cadence: Cadence,
    ):
        self.trial: Trial
        self.nursed = trial if isinstance(trial, Nursed) else _Unchanging(trial)
        assert checkpoints is not None or not isinstance(trial, Nursed), "what it goes on from is a checkpoint"
        self.config, self.tracker, self.checkpoints = config, tracker, checkpoints
        self.seeds, self.media, self.records, self.watch, self.stop = seeds, media, records, watch, stop
        self.cadence = cadence
        self.averages = Averages()
        self.agreed = parallel.Agreement()
        self.judged: dict[str, float] = {}
        self.seconds_before = 0.0  # spent by earlier attempts
        self.started = time.monotonic()
        self.logged_step, self.logged_seconds = 0, 0.0
        self.judged_step = -1
        self.saved_step = -1

    def run(self) -> Outcome:
        try:
            with preserved_generators(), _signals() as signalled:
                outcome = self._drive(signalled)
        except BaseException:
            with suppress(Exception):  # what went wrong first is what has to be told
                self.tracker.finish("failed")
            raise
        self.tracker.finish(outcome.state, outcome.state_sha256)
        return outcome

    def _drive(self, signalled: list[str]) -> Outcome:
        self._begin()
        reason = ""
        while self.trial.steps < self.config.steps and not reason:
            reason = self._advance(signalled)
        if self.trial.steps < self.config.steps and reason != _TIME_IS_UP:
            self._save()
            return Outcome("interrupted", self.trial.steps, self._seconds(), self.judged, reason=reason)
        return self._finish()

    def _seed_dropout(self) -> None:
        """Each of several processes that train together has noise of its own for its own examples."""
        if self.seeds is not None:
            rank, step = parallel.rank(), self.trial.steps
            torch.manual_seed(self.seeds.derive("dropout" if rank == 0 else f"dropout/rank-{rank}/{step}"))

    def _advance(self, signalled: list[str]) -> str:
        """One step of the trial and whatever falls due after it; returns why to stop, or nothing."""
        before = self.trial.steps
        metrics = self._changed_step() if self.nursed.due(before) else self._step()
        step = self.trial.steps
        self.averages.add(step, metrics)
        reason = self.agreed(self._reason_to_stop(signalled))
        if step < self.config.steps and reason != _TIME_IS_UP:  # else the last row, judgement and save are _finish's
            log, judge = self.cadence.due(before, step)
            if log:
                self._log(judge)
            if crossed(before, step, self.config.save_every):
                self._save()
        return reason

    def _reason_to_stop(self, signalled: list[str]) -> str:
        if signalled:
            return signalled[0]
        if self.config.minutes is not None and self._seconds() >= 60 * self.config.minutes:
            return _TIME_IS_UP
        return self.stop() if self.stop is not None else ""

    def _step(self) -> Metrics:
        before = self.trial.steps
        try:
            return self.trial.step()
        except NonFinite as error:
            raise NonFiniteMetric(f"Stopped in the step after {before} {self.trial.unit}: {error}") from error

    def _changed_step(self) -> Metrics:
        """A step of the trial as it is to be from here on, by the way of resuming; or, if it cannot be, as it was."""
        if self.trial.steps > 0:
            self._save()
        self.started = time.monotonic()  # what has passed stands in the checkpoint
        self._let_go()
        try:
            self._begin()
            metrics = self._step()
        except Exception as error:
            self.nursed.refuse(error)
        else:
            self.nursed.took()
            return metrics
        self._let_go()  # here, where the error holds on to nothing any more
        self._begin()
        return self._step()

    def _let_go(self) -> None:
        """Frees the trial, which two of may not fit into the memory."""
        with suppress(AttributeError):  # it could not be built
            del self.trial
        collect_garbage()

    def _log(self, judge: bool) -> None:
        step = self.trial.steps
        row = {f"train/{name}": value for name, value in self.averages.take().items()}
        if judge:
            row |= self._judge()
        seconds = self._seconds()
        row["time/seconds"] = round(seconds, 3)
        row["time/steps_per_second"] = round((step - self.logged_step) / max(seconds - self.logged_seconds, 1e-9), 3)
        self.logged_step, self.logged_seconds = step, seconds
        self.tracker.log(step, row)
        if self.records is None or self.checkpoints is None:
            self._take_records()  # and drops them, so that they do not pile up
        self.watch(Progress(step, self.config.steps, self.trial.unit, row))

    def _judge(self) -> dict[str, float]:
        with preserved_generators():
            self.judged = {f"eval/{name}": float(value) for name, value in self.trial.evaluate().items()}
        self.judged_step = self.trial.steps
        return self.judged

    def _finish(self) -> Outcome:
        """The budget is spent: the last row and judgement, pictures, and a checkpoint to go on from."""
        step = self.trial.steps
        if self.logged_step != step:
            self._log(judge=True)
        elif self.judged_step != step:  # the budget was lowered to where a run had logged: no step stands twice
            self._judge()
        if self.media is not None and isinstance(self.trial, Illustrated):
            with preserved_generators():
                shown = self.trial.illustrate()
            for name, thing in shown.items():
                self.tracker.media(step, name, write_media(self.media, step, name, thing))
        whole = parallel.same(digest(self.trial.state_dict()))
        self._save()
        return Outcome("finished", step, self._seconds(), self.judged, state_sha256=whole)

    def _save(self) -> None:
        step = self.trial.steps
        if self.checkpoints is None or self.saved_step == step:
            return
        if parallel.size() > 1:  # or going on from here would hide that they came apart
            parallel.same(digest(self.trial.state_dict()))
        taken = self._take_records()
        if self.records is not None:
            self.records.write(step, taken)  # before the checkpoint: from that on, it will not happen again
        self.checkpoints.save(step, self._state())
        self.tracker.commit(step)
        self.saved_step = step

    def _take_records(self) -> list[Record]:
        return self.trial.take_records() if isinstance(self.trial, Recorded) else []

    def _state(self) -> State:
        own, *others = parallel.gathered(self._own())
        return {
            "trial": self.trial.state_dict(),
            "run": {
                **own,
                **({"others": others} if others else {}),
                "judged": self.judged,
                "judged_step": self.judged_step,
                "logged_step": self.logged_step,
                "logged_seconds": self.logged_seconds,
                "seconds": self._seconds(),
            },
        }

    def _own(self) -> State:
        """What each of several processes that train together has of its own."""
        return {"averages": self.averages.state_dict(), "generators": global_generators()}

    def _begin(self) -> None:
        """Builds the trial and goes back to the newest checkpoint, or to the beginning."""
        found = self.checkpoints.newest() if self.checkpoints is not None else None
        parallel.same(found.step if found is not None else -1)
        if self.records is not None:
            self.records.rewind(found.step if found is not None else -1)
        self.trial = self.nursed.trial(found.step if found is not None else 0)
        self._seed_dropout()
        if found is None:
            self.tracker.rewind(-1)
            return
        self.trial.load_state_dict(found.state["trial"])
        mine = found.state["run"]
        own = [mine, *mine.get("others", [])][parallel.rank() :]
        self.averages.load_state_dict((own or [mine])[0]["averages"])
        self.judged, self.judged_step = mine["judged"], mine["judged_step"]
        self.logged_step, self.logged_seconds = mine["logged_step"], mine["logged_seconds"]
        self.seconds_before = mine["seconds"]
        if own:
            set_global_generators(own[0]["generators"])
        else:
            self._seed_dropout()
        self.tracker.rewind(self.trial.steps)
        self.saved_step = self.trial.steps

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started


class _Unchanging:
    """A trial that stays what it is."""

    def __init__(self, trial: Trial):
        self.only = trial

    def trial(self, step: int) -> Trial:
        return self.only

    def due(self, step: int) -> bool:
        return False

    def took(self) -> None: ...

    def refuse(self, error: Exception) -> None: ...


_ECHO = 1.0  # seconds
_TIME_IS_UP = "the time budget run.minutes is spent"


@contextmanager
def _signals() -> Iterator[list[str]]:
    """Collects the first SIGTERM or Ctrl-C instead of dying of it; a second one is no longer held back.

    What follows the first within a second is its echo: a wrapper and the terminal often both pass it on.
    Python lets only the main thread handle signals; in another thread they stay what they were.
    """
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    first = 0.0

    def note(number: int, frame: object) -> None:
        nonlocal first
        if not received:
            first = time.monotonic()
            received.append(signal.Signals(number).name)
        elif time.monotonic() - first > _ECHO:
            for each, old in before.items():
                signal.signal(each, old)
            signal.raise_signal(number)

    before = {each: signal.signal(each, note) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for each, old in before.items():
            signal.signal(each, old)
