"""What tracking costs: metrics.jsonl and the W&B mirror, offline, at an experiment's default cadence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Elapsed, Result, Spread, Stopwatch, alternate, command
from benchmarks.share import HEADER, NOTES, Attempt, Bout, compare, workplace
from lab.checkpoint import Checkpoints
from lab.experiment import load
from lab.run import run
from lab.seeding import Seeds
from lab.tracking import NullTracker, Tracker, trackers

BOUND = 0.01
EXPERIMENTS = (
    Bout(experiment="mlp_digits", steps=3_000, pairs=7),
    Bout(experiment="dqn_cartpole", steps=20_000, pairs=5),
)


class Tracked:
    """An experiment, run with its default trackers and with none; with checkpoints in both, since W&B's rows wait for
    them.
    """

    def __init__(self, bout: Bout, quick: bool, folder: Path):
        self.experiment, self.folder = load(bout.experiment), folder
        self.config = bout.config(quick)
        self.starts: list[float] = []  # seconds of each start of the trackers, the first of the process included
        self.ends: list[float] = []

    def with_trackers(self, repeat: int) -> Attempt:
        """A run with metrics.jsonl and W&B offline."""
        directory = self.folder / f"{self.experiment.name}-tracked-{repeat}"
        record = {"experiment": self.experiment.name, "hash": "benchmark", "seed": repeat, "unit": "", "config": {}}
        made: list[Tracker] = []
        start = Elapsed.of(lambda: made.append(trackers(directory, mode="offline", record=record)))
        inside, once = Stopwatch(), Stopwatch()
        inside.on(made[0], "log", "media", "commit")
        once.on(made[0], "rewind", "finish")
        elapsed = self._run(made[0], directory)
        self.starts.append(start.wall)
        self.ends.append(once.seconds)
        return Attempt(seconds=elapsed.wall - once.seconds, inside=inside.seconds)

    def without(self, repeat: int) -> Attempt:
        """A run that nobody records."""
        return Attempt(seconds=self._run(NullTracker(), self.folder / f"{self.experiment.name}-bare-{repeat}").wall)

    def _run(self, tracker: Tracker, directory: Path) -> Elapsed:
        seeds = Seeds(0)
        trial = self.experiment.make(self.config, seeds)
        checkpoints = Checkpoints(directory / "checkpoints")
        return Elapsed.of(
            lambda: run(trial, self.config.run, tracker, checkpoints, seeds=seeds, media=directory / "media")
        )


def measure(quick: bool = False) -> Result:
    """The share of a run that tracking takes."""
    rows, checks, notes = [], [], list(NOTES)
    with workplace() as folder:
        for bout in EXPERIMENTS:
            name = bout.experiment
            tracked = Tracked(bout, quick, folder)
            arms = {"tracked": tracked.with_trackers, "bare": tracked.without}
            attempts = alternate(arms, repeats=2 if quick else bout.pairs)
            row, found = compare(name, attempts["tracked"], attempts["bare"], BOUND)
            rows.append(row)
            checks += found
            notes.append(
                f"{name}, once a run, not in the table: start {Spread.of(tracked.starts[1:]).text()} s (the first of "
                f"this process {tracked.starts[0]:.2f} s), rewind and finish {Spread.of(tracked.ends[1:]).text()} s."
            )
    notes.append(f"`import wandb` in a fresh interpreter, part of a first start: {import_seconds():.2f} s.")
    return Result(
        title="Tracking (metrics.jsonl and W&B offline) beside none: medians (quartiles)",
        header=HEADER,
        rows=rows,
        checks=checks,
        notes=notes,
    )


def import_seconds() -> float:
    """How long a new process takes to import wandb."""
    code = "import time; started = time.perf_counter(); import wandb; print(time.perf_counter() - started)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    sys.exit(command(measure))
