"""Bootstrap intervals over seeds and tasks: seconds for a usual comparison, and how often 95 % ones hold the truth.

The comparison is of five algorithms, ten seeds, seven tasks and 50,000 resamples. Coverage is found by simulation: in
each experiment ten normal scores on each of seven tasks, whose true aggregate is known.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.measure import Check, Result, Spread, command
from lab.task_statistics import RESAMPLES, Aggregate, aggregate_interval, iqm, mean

ALGORITHMS, SEEDS, TASKS = 5, 10, 7
CENTRES = np.linspace(0.2, 1.4, TASKS)
NOISE = 0.3  # the standard deviation of a score
EXPERIMENTS, FEWER_RESAMPLES, REPEATS = 3_000, 2_000, 5
AGGREGATES: dict[str, Aggregate] = {"IQM": iqm, "mean": mean}


def measure(quick: bool = False) -> Result:
    """Both aggregates' seconds and coverage."""
    resamples, experiments = (500, 20) if quick else (RESAMPLES, EXPERIMENTS)
    generator = np.random.default_rng(0)
    algorithms = [list(generator.normal(CENTRES, NOISE, (SEEDS, TASKS)).T) for _ in range(ALGORITHMS)]
    rows, checks, truth = [], [], _truth()
    for name, aggregate in AGGREGATES.items():
        seconds = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            for tasks in algorithms:
                aggregate_interval(tasks, aggregate, resamples=resamples)
            seconds.append(time.perf_counter() - begin)
        spread, covered = Spread.of(seconds), _coverage(aggregate, truth[name], experiments)
        rows.append((name, spread.text(digits=3), f"{covered:.4f}"))
        checks += [
            Check(name=f"{name}: seconds for all five", value=spread.median, at_most=1.0),
            Check(name=f"{name}: coverage", value=covered, at_least=0.93),
            Check(name=f"{name}: coverage", value=covered, at_most=0.97),
        ]
    return Result(
        title="Stratified bootstrap intervals: seconds, median (quartiles), and coverage of the 95 % interval",
        header=("", f"seconds, {ALGORITHMS} x {SEEDS} seeds x {TASKS} tasks", "coverage"),
        rows=rows,
        checks=checks,
        notes=[
            f"{resamples:,} resamples; coverage over {experiments:,} simulated experiments of {FEWER_RESAMPLES:,}.",
            "With ten seeds a resample's spread is short by the root of 9/10, which leaves 93.7 % of a normal's 95.",
        ],
    )


def _coverage(aggregate: Aggregate, true: float, experiments: int) -> float:
    """How often the interval of a simulated experiment holds the true aggregate."""
    covered = 0
    for number in range(experiments):
        scores = np.random.default_rng((1, number)).normal(CENTRES, NOISE, (SEEDS, TASKS))
        found = aggregate_interval(list(scores.T), aggregate, resamples=FEWER_RESAMPLES, seed=number)
        covered += found.low <= true <= found.high
    return covered / experiments


def _truth() -> dict[str, float]:
    """Of all seeds there could be: the middle half of the mixture of the tasks, and the mean of their means."""
    scores = np.random.default_rng(2).normal(CENTRES, NOISE, (300_000, TASKS))
    low, high = np.quantile(scores, (0.25, 0.75))
    return {"IQM": float(scores[(low <= scores) & (scores <= high)].mean()), "mean": float(CENTRES.mean())}


if __name__ == "__main__":
    sys.exit(command(measure))
