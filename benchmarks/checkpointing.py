"""What checkpoints cost at the default cadence of real experiments: with a replay, and with a network alone."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Elapsed, Result, Spread, Stopwatch, alternate, command
from benchmarks.share import HEADER, NOTES, Attempt, Bout, compare, workplace
from lab.checkpoint import Checkpoints
from lab.experiment import load
from lab.run import run
from lab.seeding import Seeds
from lab.tracking import LocalTracker

BOUND = 0.02
EXPERIMENTS = (
    Bout(experiment="cnn_digits", steps=1_000, pairs=5),
    Bout(experiment="dqn_cartpole", steps=50_000, pairs=5),  # whole, since the replay grows
)


class Saved:
    """An experiment, run with checkpoints and without."""

    def __init__(self, bout: Bout, quick: bool, folder: Path):
        self.experiment, self.folder = load(bout.experiment), folder
        self.config = bout.config(quick)
        self.each: list[float] = []  # seconds a checkpoint, by run
        self.unit = ""
        self.megabytes = 0.0  # on disk at the end of a run

    def with_checkpoints(self, repeat: int) -> Attempt:
        """A run that saves as often as it does by default. Inside: copying the state, writing it, syncing the rows."""
        directory, seeds, inside = self.folder / f"{self.experiment.name}-saved-{repeat}", Seeds(0), Stopwatch()
        checkpoints = Checkpoints(directory / "checkpoints", self.config.run.keep)
        tracker = LocalTracker(directory / "metrics.jsonl")
        trial = self.experiment.make(self.config, seeds)
        inside.on(checkpoints, "save", "newest")
        inside.on(tracker, "commit")
        inside.on(trial, "state_dict")
        elapsed = Elapsed.of(lambda: run(trial, self.config.run, tracker, checkpoints, seeds=seeds))
        self.unit = trial.unit
        self.each.append(inside.seconds / inside.calls["save"])
        self.megabytes = sum(file.stat().st_size for file in checkpoints.folder.rglob("*") if file.is_file()) / 1e6
        return Attempt(seconds=elapsed.wall, inside=inside.seconds)

    def without(self, repeat: int) -> Attempt:
        """A run that saves nothing."""
        seeds = Seeds(0)
        tracker = LocalTracker(self.folder / f"{self.experiment.name}-bare-{repeat}" / "metrics.jsonl")
        trial = self.experiment.make(self.config, seeds)
        return Attempt(seconds=Elapsed.of(lambda: run(trial, self.config.run, tracker, seeds=seeds)).wall)


def measure(quick: bool = False) -> Result:
    """The share of a run that checkpoints take."""
    rows, checks, notes = [], [], list(NOTES)
    with workplace() as folder:
        for bout in EXPERIMENTS:
            name = bout.experiment
            saved = Saved(bout, quick, folder)
            attempts = alternate(
                {"saved": saved.with_checkpoints, "bare": saved.without}, repeats=2 if quick else bout.pairs
            )
            row, found = compare(name, attempts["saved"], attempts["bare"], BOUND)
            rows.append(row)
            checks += found
            options = saved.config.run
            notes.append(
                f"{name}: {options.steps:,} {saved.unit}, a checkpoint every {options.save_every:,} and at the end; "
                f"{Spread.of(saved.each).text(1e3)} ms each; {saved.megabytes:.2f} MB on the disk at the end."
            )
    return Result(
        title="Checkpoints beside none: medians (quartiles)", header=HEADER, rows=rows, checks=checks, notes=notes
    )


if __name__ == "__main__":
    sys.exit(command(measure))
