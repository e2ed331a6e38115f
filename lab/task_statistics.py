"""Statistics of runs on several tasks: aggregates, and how one side stands to another.

Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section 4. Runs are
drawn anew within each task (stratified), so that no resample lacks a task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lab.statistics import Interval, interquartile_mean, middle, statistics_of_resamples

Tasks = Sequence[NDArray[np.float64]]
"""Of each task the scores of its runs, [runs]; of many resamples at once [resamples, runs]. Higher is better."""

Aggregate = Callable[[Tasks], Any]
"""Tasks -> one number, or one a resample."""

RESAMPLES = 50_000


def iqm(tasks: Tasks) -> Any:
    """The mean of the middle half of all runs of all tasks."""
    return interquartile_mean(np.concatenate(tasks, axis=-1), axis=-1)


def mean(tasks: Tasks) -> Any:
    """The mean over tasks of the mean over runs."""
    return np.mean([scores.mean(-1) for scores in tasks], axis=0)


def median(tasks: Tasks) -> Any:
    """The median over tasks of the mean over runs."""
    return np.median([scores.mean(-1) for scores in tasks], axis=0)


def optimality_gap(tasks: Tasks) -> Any:
    """By how much runs fall short of a score of 1 on average; what they have above it does not count."""
    return 1 - np.mean([np.minimum(scores, 1).mean(-1) for scores in tasks], axis=0)


def probability_of_improvement(ours: Tasks, theirs: Tasks) -> Any:
    """How likely a run of ours is above one of theirs on the same task, ties counting half; the mean over tasks.

    Mann and Whitney's U, as a share.
    """
    shares = []
    for mine, other in zip(ours, theirs, strict=True):
        pairs = mine[..., :, None], other[..., None, :]
        shares.append(((pairs[0] > pairs[1]).mean((-2, -1)) + (pairs[0] >= pairs[1]).mean((-2, -1))) / 2)
    return np.mean(shares, axis=0)


def performance_profile(tasks: Tasks, thresholds: ArrayLike) -> NDArray[np.float64]:
    """The share of runs whose score is above each threshold [T], as a mean over tasks: [T]."""
    above = [(scores[:, None] > np.asarray(thresholds, dtype=np.float64)).mean(0) for scores in tasks]
    return np.asarray(np.mean(above, axis=0))


def aggregate_interval(
    tasks: Tasks,
    aggregate: Aggregate = iqm,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """An aggregate with its stratified bootstrap interval; infinite where no task has a second run to draw.

    n is the number of runs of the task that has fewest. Raises ValueError for scores that are missing or not finite.
    """
    tasks = checked(tasks)
    estimate, fewest = float(aggregate(tasks)), min(map(len, tasks))
    if max(map(len, tasks)) == 1:
        return Interval(estimate=estimate, low=-np.inf, high=np.inf, confidence=confidence, n=fewest)
    low, high = middle(statistics_of_resamples(tasks, aggregate, resamples, seed), confidence)
    return Interval(estimate=estimate, low=low, high=high, confidence=confidence, n=fewest)


@dataclass(frozen=True)
class Standing:
    """How one side stands to another."""

    difference: Interval  # of an aggregate: ours less theirs
    improvement: Interval  # the probability of improvement
    paired: bool  # whether runs were drawn by pairs

    @property
    def settled(self) -> bool:
        """Whether the interval of the difference lies on one side of zero."""
        return self.difference.low > 0 or self.difference.high < 0

    @property
    def more_runs(self) -> int | None:
        """How many more runs a side would settle a difference of this size, if the runs to come spread as these do.

        An interval narrows as the root of the number of runs. None where the difference is 0 or nothing is known of
        the spread.
        """
        found, n = self.difference, self.difference.n
        if self.settled:
            return 0
        reach = found.estimate - found.low if found.estimate > 0 else found.high - found.estimate
        if found.estimate == 0 or not math.isfinite(reach):
            return None
        return max(1, math.ceil(n * (reach / abs(found.estimate)) ** 2) - n)


def standing(
    ours: Tasks,
    theirs: Tasks,
    aggregate: Aggregate = iqm,
    *,
    paired: bool = False,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Standing:
    """How ours stand to theirs on the same tasks.

    Where runs are `paired` (the same seed, the same place on both sides), a draw takes both runs of a pair: what a seed
    does to both is then not in the difference. Raises ValueError for sides that do not fit together.
    """
    ours, theirs = checked(ours), checked(theirs)
    sizes = list(map(len, ours)), list(map(len, theirs))
    if len(ours) != len(theirs):
        raise ValueError(f"One side has {len(ours)} tasks, the other {len(theirs)}. Compare what was run on the same.")
    if paired and sizes[0] != sizes[1]:
        raise ValueError(f"Runs come in pairs, but one side has {sizes[0]} runs, the other {sizes[1]}. Give as many.")
    count = len(ours)

    def difference(groups: Tasks) -> Any:
        return aggregate(groups[:count]) - aggregate(groups[count:])

    def improvement(groups: Tasks) -> Any:
        return probability_of_improvement(groups[:count], groups[count:])

    both, fewest = [*ours, *theirs], min(sizes[0] + sizes[1])
    together = [i % count if paired else i for i in range(2 * count)]

    def interval(statistic: Aggregate, ends: tuple[float, float]) -> Interval:
        if max(sizes[0] + sizes[1]) > 1:
            ends = middle(statistics_of_resamples(both, statistic, resamples, seed, together), confidence)
        return Interval(estimate=float(statistic(both)), low=ends[0], high=ends[1], confidence=confidence, n=fewest)

    return Standing(interval(difference, (-np.inf, np.inf)), interval(improvement, (0.0, 1.0)), paired)


def checked(tasks: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    """The scores as arrays. Raises ValueError, naming the task, where one has none or a value that is not finite."""
    arrays = [np.asarray(scores, dtype=np.float64) for scores in tasks]
    if not arrays:
        raise ValueError("There are no tasks, so there is nothing to sum up. Give the scores of at least one.")
    for number, scores in enumerate(arrays):
        if scores.ndim != 1 or not len(scores):
            raise ValueError(
                f"The scores of task {number} have shape {scores.shape}, but a run has one score. Give a flat list."
            )
        if not np.isfinite(scores).all():
            raise ValueError(
                f"Of task {number}, the scores of runs {np.flatnonzero(~np.isfinite(scores)).tolist()} are not finite. "
                "Leave those runs out only if their failure is told beside the result."
            )
    return arrays
