"""What share of a run something takes, measured in two ways.

Inside: the time spent in the calls in question, over the rest of the run. It is exact to hundredths of a percent even
on a busy machine, so the bound is held to it. What it cannot see is work put off to other threads and processes.
Paired: runs with it over neighbouring runs without it. This sees everything, but the time of a whole run varies by a
percent or more by itself. So it is the cross-check: a bound also counts as missed where the whole interval of the
paired difference lies beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.measure import Check, Spread, between, paired_ratio
from lab.experiment import load
from lab.provenance import fixed_bits
from lab.statistics import Interval, bootstrap_interval
from lab.store import runs_folder

HEADER = ("experiment", "run, s", "without, s", "inside, %", "paired, %", "bound, %")
NOTES = (
    "The bound is held to the share inside the calls, which is exact on a busy machine too; pairs of whole runs also",
    "see what other threads and processes cost, but vary more: they count where their whole interval is beyond it.",
)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run, without what it costs only once."""

    seconds: float  # of the whole run
    inside: float = 0.0  # of them in the calls in question

    @property
    def share(self) -> float:
        """The time inside over all other time."""
        return self.inside / (self.seconds - self.inside)


def compare(
    name: str, ours: Sequence[Attempt], bare: Sequence[Attempt], at_most: float
) -> tuple[tuple[str, ...], list[Check]]:
    """The row of a table and the checks, from attempts with and without the thing; ours[i] ran next to bare[i]."""
    walls, bare_walls = [each.seconds for each in ours], [each.seconds for each in bare]
    inside = bootstrap_interval([each.share for each in ours], np.median, resamples=10_000)
    ratio = paired_ratio(walls, bare_walls)
    paired = replace(ratio, estimate=ratio.estimate - 1, low=ratio.low - 1, high=ratio.high - 1)
    row = (
        name,
        Spread.of(walls).text(),
        Spread.of(bare_walls).text(),
        Spread.of([each.share for each in ours]).text(100, 3),
        between(_percent(paired), 2),
        f"{100 * at_most:g}",
    )
    return row, [
        Check(name=f"{name}: share of the run", value=inside.estimate, interval=inside, at_most=at_most),
        Check(name=f"{name}: least share by pairs", value=paired.low, at_most=at_most),
    ]


def _percent(interval: Interval) -> Interval:
    return replace(interval, estimate=100 * interval.estimate, low=100 * interval.low, high=100 * interval.high)


@dataclass(frozen=True, kw_only=True)
class Bout:
    """How long and how often an experiment is run."""

    experiment: str
    steps: int  # in the trial's unit; a multiple of save_every, so that a save falls on as many steps as by default
    pairs: int  # of runs, with and without

    def config(self, quick: bool) -> Any:
        """The experiment's default settings and cadence, or its smallest version; on the CPU with one thread."""
        experiment = load(self.experiment)
        config = experiment.smoke if quick else experiment.Config()
        steps = config.run.steps if quick else self.steps
        return replace(config, run=replace(config.run, steps=steps, device="cpu", threads=1))


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for runs where the lab's runs lie, so that it is on the same disk; with one thread, as a seed has."""
    runs_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runs_folder(), prefix=".benchmark-") as folder, fixed_bits(1, deterministic=True):
        yield Path(folder)
