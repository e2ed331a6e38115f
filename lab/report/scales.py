"""Scales: which values a drawing shows, and where; fitted so that an arm far from the others does not squash them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LARGEST = 1e300  # beyond it, the arithmetic of drawing would overflow
FEWEST = 3  # arms from which on a scale is fitted to what is to be compared
MOST_LEFT_OUT = 1 / 3  # of the arms
SETTLED = 0.1  # the share of a curve after which it counts
LEAST_GAIN = 3.0  # how much larger the rest must be drawn for something to be left out


@dataclass(frozen=True)
class Scale:
    """Maps values between low and high to positions between start and end, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        low, high = self.low, self.high
        if self.logarithmic:
            values, low, high = np.log10(values), math.log10(low), math.log10(high)
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    def at(self, value: float) -> float:
        return float(self.place(np.array([value]))[0])

    def held(self, value: float) -> float:
        """The place of a value, or the edge beyond which it lies."""
        return self.at(min(max(value, self.low), self.high))

    def holds(self, values: np.ndarray) -> bool:
        """Whether all that is a number lies on the scale."""
        known = values[np.isfinite(values)]
        return bool(((known >= self.low) & (known <= self.high)).all())

    def ticks(self, about: int) -> list[float]:
        """Round values within the scale, roughly as many as asked for."""
        if self.logarithmic:
            return self._powers(about)
        rough = (self.high - self.low) / about
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{i * step:.12g}") for i in range(first, last + 1)]  # 0.3 rather than 0.30000000000000004

    def _powers(self, about: int) -> list[float]:
        powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        return [10.0**power for power in powers][:: -(-len(powers) // (about + 1)) or 1]


def fitted(
    arms: Sequence[Sequence[np.ndarray]], start: float, end: float, *, bound: float | None = None, ticks: bool = True
) -> Scale:
    """A scale for some curves of several arms, and a little air.

    Logarithmic where it spans over two decades, and from 0 where it nearly reaches it; not so without ticks, by which
    a reader would see it.

    From three arms on it is fitted to what is to be compared. It leaves out the first tenth of every curve, and up to a
    third of the arms, those whose middle lies farthest from the others', if the rest is then drawn at least three times
    larger. Whoever draws tells what lies off the scale.
    """
    arms = [[np.clip(curve, -_LARGEST, _LARGEST) for curve in arm] for arm in arms]
    arms = [arm for arm in arms if np.isfinite(_joined(arm)).any()]
    values = _joined([curve for arm in arms for curve in arm])
    given = np.array([] if bound is None else [bound])
    if not len(values) and not len(given):
        return Scale(0, 1, start, end)
    values = np.append(values, given)
    may_be_logarithmic = ticks and bound is None
    if len(arms) >= FEWEST:
        values = np.append(_compared(values, arms, may_be_logarithmic and _spans_decades(values)), given)
    low, high = float(values.min()), float(values.max())
    if may_be_logarithmic and _spans_decades(values):
        return Scale(max(low, 1 / _LARGEST) / 1.2, high * 1.2, start, end, logarithmic=True)
    air = (0.06 if ticks else 0.08) * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(0.0 if ticks and 0 <= low < 0.1 * high else low - air, high + air, start, end)


def _compared(values: np.ndarray, arms: Sequence[Sequence[np.ndarray]], logarithmic: bool) -> np.ndarray:
    """Of all values those that the scale of several arms is fitted to."""

    def span(some: np.ndarray) -> float:
        return float(np.ptp(np.log(some) if logarithmic else some))

    settled = [_joined([curve[int(SETTLED * len(curve)) :] for curve in arm]) for arm in arms]
    settled = [some if len(some) else _joined(arm) for some, arm in zip(settled, arms)]
    middles = np.array([np.median(np.log(some) if logarithmic else some) for some in settled])
    nearest_first = np.abs(middles - np.median(middles)).argsort(kind="stable")
    for left_out in range(int(MOST_LEFT_OUT * len(arms)) + 1):
        rest = _joined([settled[i] for i in nearest_first[: len(arms) - left_out]])
        if span(values) >= LEAST_GAIN * span(rest):
            values = rest
    return values


def _spans_decades(values: np.ndarray) -> bool:
    """Whether the least of the values goes into the greatest over a hundred times."""
    return bool(0 < 100 * values.min() < values.max())


def _joined(curves: Sequence[np.ndarray]) -> np.ndarray:
    """All numbers of some curves."""
    values = np.concatenate([np.empty(0), *curves])
    return values[np.isfinite(values)]
