"""Curves over seeds: the mean or IQM with its interval where seeds were logged alike, and thinning for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations_with_replacement

import numpy as np

from lab.report.records import STATISTICS, Curve, StatisticName


@dataclass(frozen=True)
class Band:
    """Several seeds' curve in one: at steps [P] the centre [P] and its 95 % interval from low [P] to high [P].

    With one seed the interval is nan.
    """

    steps: np.ndarray
    scores: dict[int, np.ndarray]  # each seed's values at the steps [P], nan where it logged none
    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def of(self) -> int:
        """How many seeds there are."""
        return len(self.scores)

    @cached_property
    def counts(self) -> np.ndarray:
        """How many of them logged a number at each step [P]."""
        return np.isfinite(np.stack(list(self.scores.values()))).sum(0)


def thin(curve: Curve, points: int) -> Curve:
    """At most about `points` of the logged points: each stretch's least and greatest value, so that spikes stay."""
    if len(curve.steps) <= points:
        return curve
    kept = _extremes(curve.values, points)
    return Curve(curve.steps[kept], curve.values[kept])


def _extremes(values: np.ndarray, points: int) -> np.ndarray:
    """Ascending indices [<= points + 2] of each stretch's extremes, and of the ends."""
    size = len(values)
    stretches = max(1, points // 2)
    width = -(-size // stretches)
    padding = np.full(stretches * width - size, np.nan)
    table = np.concatenate([values, padding]).reshape(stretches, width)
    first = np.arange(stretches) * width
    least = first + np.where(np.isnan(table), np.inf, table).argmin(1)
    greatest = first + np.where(np.isnan(table), -np.inf, table).argmax(1)
    kept = np.unique(np.concatenate([[0], least, greatest, [size - 1]]))
    return kept[kept < size]


def aggregate(curves: Mapping[int, Curve], statistic: StatisticName, points: int) -> Band | None:
    """The band of several seeds' curves, at the steps that more than half of them logged; None if there are none.

    Nothing is interpolated: a seed counts where it logged a number. Of these steps at most `points` are kept, evenly
    spaced.
    """
    if not curves:
        return None
    steps = np.unique(np.concatenate([curve.steps for curve in curves.values()]))
    scores = np.full((len(curves), len(steps)), np.nan)  # [seeds, P]
    for row, curve in zip(scores, curves.values()):
        row[np.searchsorted(steps, curve.steps)] = curve.values
    enough = np.flatnonzero(np.isfinite(scores).sum(0) > len(curves) / 2)
    if not len(enough):
        return None
    if len(enough) > points:
        enough = enough[np.linspace(0, len(enough) - 1, points).round().astype(int)]
    steps, scores = steps[enough], scores[:, enough]
    centre, low, high = (np.full(len(steps), np.nan) for _ in range(3))
    # Steps that the same seeds reached are handled at once: there are few such sets, and many steps.
    for there in np.unique(np.isfinite(scores), axis=1).T:
        columns = (np.isfinite(scores) == there[:, None]).all(0)
        present = scores[np.ix_(there, columns)]
        centre[columns] = STATISTICS[statistic](present, axis=0)
        if len(present) > 1:
            low[columns], high[columns] = _intervals(present, statistic)
    return Band(steps, dict(zip(curves, scores)), centre, low, high)


def _intervals(scores: np.ndarray, statistic: StatisticName) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % percentile bootstrap interval over seeds, of scores [seeds, P]: low [P] and high [P].

    The same as lab.statistics.bootstrap_interval of each column, but all columns share their resamples, and up to
    seven seeds are resampled exactly: in all the ways there are, each with its probability.
    """
    picks, weights = _resamples(len(scores))
    draws = STATISTICS[statistic](scores[picks], axis=1)  # [R, P]
    order = draws.argsort(axis=0)
    reached = weights[order].cumsum(axis=0)
    at = [np.argmax(reached >= quantile - 1e-12, axis=0) for quantile in (0.025, 0.975)]
    low, high = (np.take_along_axis(draws, np.take_along_axis(order, rows[None], 0), 0)[0] for rows in at)
    return low, high


@cache
def _resamples(num_seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Which seeds each resample draws [R, num_seeds], and each resample's probability [R]."""
    if num_seeds > 7:
        picks = np.random.default_rng(0).integers(num_seeds, size=(2000, num_seeds))
        return picks, np.full(2000, 1 / 2000)
    picks = np.array(list(combinations_with_replacement(range(num_seeds), num_seeds)))
    repeats = [np.bincount(row) for row in picks]
    ways = [math.factorial(num_seeds) / math.prod(map(math.factorial, row.tolist())) for row in repeats]
    return picks, np.array(ways) / num_seeds**num_seeds
