"""What a handful of seeds can say: robust aggregates and their confidence intervals.

Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", sections
4.1 and 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Statistic = Callable[..., Any]
"""scores, axis=... -> the scores with that axis summed up, as `np.mean` and `interquartile_mean` do it."""

_ELEMENTS_AT_ONCE = 2_000_000  # float64 numbers drawn together: 16 MB stay in the cache's reach and in memory


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A statistic of n runs and the range in which its true value is believed to lie."""

    estimate: float  # the statistic of the scores themselves
    low: float
    high: float
    confidence: float  # such as 0.95
    n: int  # runs

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] (n={self.n}, {self.confidence:.0%})"


def interquartile_mean(scores: ArrayLike, axis: int | None = None) -> Any:
    """The mean of the middle half: floor(n / 4) scores are left out at each end.

    This is the definition of rliable and of scipy.stats.trim_mean(scores, 0.25): nothing is weighted by
    fractions, so of five scores the middle three count, and of three all. axis=None takes all scores together
    (runs and tasks alike, as Agarwal et al. do). Returns the scores' shape without that axis.
    """
    array = np.asarray(scores, dtype=np.float64)
    if axis is None:
        array, axis = array.ravel(), 0
    count = array.shape[axis]
    if count == 0:
        raise ValueError("There are 0 scores, so they have no middle half. Give at least one.")
    cut = count // 4
    if cut > 0:
        array = np.partition(array, (cut, count - cut - 1), axis=axis)
    middle = np.take(array, np.arange(cut, count - cut), axis=axis)
    return middle.mean(axis=axis)


def bootstrap_interval(
    scores: ArrayLike,
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    resamples: int = 50_000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic of scores [num_runs].

    Runs are drawn with replacement `resamples` times; the interval spans the middle `confidence` of the
    statistics of the draws. The same seed gives the same interval. With one run there is nothing to draw
    from, so low and high are infinite. Raises ValueError for scores that are missing or not finite.
    """
    runs = np.asarray(scores, dtype=np.float64)
    if runs.ndim != 1 or len(runs) == 0:
        raise ValueError(
            f"An interval needs one score a run, but the scores have shape {runs.shape}. Give a flat list "
            "with at least one score."
        )
    if not np.isfinite(runs).all():
        bad = np.flatnonzero(~np.isfinite(runs)).tolist()
        raise ValueError(
            f"The scores of runs {bad} are not finite, and would make the whole interval so. Leave those "
            "runs out only if their failure is reported beside the interval."
        )
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            f"confidence={confidence} with resamples={resamples} describes no interval. Set confidence "
            "between 0 and 1 (usually 0.95) and resamples to at least 1 (usually 50,000)."
        )
    estimate = float(statistic(runs, axis=-1))
    if len(runs) == 1:
        return Interval(estimate=estimate, low=-np.inf, high=np.inf, confidence=confidence, n=1)
    draws = statistics_of_resamples([runs], lambda drawn: statistic(drawn[0], axis=-1), resamples, seed)
    low, high = middle(draws, confidence)
    return Interval(estimate=estimate, low=low, high=high, confidence=confidence, n=len(runs))


def middle(draws: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Between which two values the middle `confidence` of the draws lies."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return float(low), float(high)


def statistics_of_resamples(
    groups: Sequence[NDArray[np.float64]],
    statistic: Callable[[list[NDArray[np.float64]]], Any],
    resamples: int,
    seed: int,
    together: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """The statistic of each of the resamples [resamples]: from every group, runs are drawn with replacement.

    `statistic` takes many resamples at once, of each group [rows, runs of the group], and gives [rows]. Groups with the
    same number in `together` are drawn from alike: the same places of each.
    """
    generator = np.random.default_rng(seed)
    partners = range(len(groups)) if together is None else together
    at_once = max(1, _ELEMENTS_AT_ONCE // sum(len(group) for group in groups))
    parts = []
    for first in range(0, resamples, at_once):
        rows = min(at_once, resamples - first)
        picks: dict[int, NDArray[Any]] = {}
        for partner, group in zip(partners, groups, strict=True):
            if partner not in picks:
                kind = np.uint8 if len(group) <= 256 else np.int64  # small numbers are drawn several times as fast
                picks[partner] = generator.integers(len(group), size=(rows, len(group)), dtype=kind)
        drawn = [group.take(picks[partner]) for partner, group in zip(partners, groups)]
        parts.append(np.asarray(statistic(drawn), dtype=np.float64))
    return np.concatenate(parts)
