"""Schedules: a number that changes as training goes on, as a pure function of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lab.ranges import check_choices

Kind = Literal["constant", "linear", "cosine", "exponential", "inverse", "inverse_sqrt", "staircase", "by_hand"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A number as a function of the step; whoever calls it says what a step is.

    constant: start. linear, cosine, exponential: from start to end over `steps`, then end for ever.
    inverse: start / (1 + rate * t). inverse_sqrt: start / sqrt(1 + rate * t).
    staircase: start * factor ** (t // every). by_hand: the value of the last piece reached.
    t counts from the end of the warm-up, pieces from step 0. The kinds without a horizon never fall below
    end. All of it begins after `delay_steps`, until which the value is that of step 0. With rate
    1 / warmup_steps, inverse_sqrt decays as in Vaswani et al. 2017, section 5.3.
    """

    kind: Kind = "constant"  # the shape of the curve
    start: float = 1.0  # the value at first (after the warm-up)
    end: float = 0.0  # the value at last; for inverse, inverse_sqrt and staircase a floor
    steps: int = 0  # caller's steps until end, warm-up included: a horizon of its own, not the run's
    warmup_steps: int = 0  # caller's steps in which the value first climbs linearly from 0
    delay_steps: int = 0  # caller's steps before step 0 of everything else that is said here
    rate: float = 1.0  # per step; inverse and inverse_sqrt
    factor: float = 0.1  # staircase: what each drop multiplies by
    every: int = 0  # steps from one drop to the next; staircase
    pieces: tuple[tuple[int, float], ...] = ()  # by_hand: (step, value from there on), from 0

    def __post_init__(self) -> None:
        """Raises ValueError where the settings name no schedule."""
        check_choices(self)
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(
                f"A schedule from {self.start} to {self.end} would hand on values that are not finite. "
                "Give start and end finite numbers."
            )
        for name in ("warmup_steps", "delay_steps"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} is {value}, but nothing lasts less than no time. Set it to 0 for none.")
        _check_kind(self)

    @property
    def varies(self) -> bool:
        """Whether any two steps can have different values."""
        return self.kind != "constant" or self.warmup_steps > 0

    @property
    def turns(self) -> tuple[int, ...]:
        """Steps between which it rises or falls only, the last value included: where to look for its extremes."""
        firsts = (0, self.warmup_steps, self.steps, *(first for first, _ in self.pieces))
        return tuple(self.delay_steps + first for first in firsts)

    def __call__(self, step: int) -> float:
        """The value at a step, counted from 0."""
        step = max(0, step - self.delay_steps)
        if step < self.warmup_steps:
            return self._after_warmup(self.warmup_steps) * step / self.warmup_steps
        return self._after_warmup(step)

    def _after_warmup(self, step: int) -> float:
        if self.kind == "constant":
            return self.start
        t = step - self.warmup_steps
        if self.kind in _TOWARDS_END:
            duration = self.steps - self.warmup_steps
            return self.end if t >= duration else self._between(t / duration)
        if self.kind == "by_hand":
            return next(value for first, value in reversed(self.pieces) if step >= first)
        if self.kind == "inverse":
            value = self.start / (1 + self.rate * t)
        elif self.kind == "inverse_sqrt":
            value = self.start / math.sqrt(1 + self.rate * t)
        else:
            value = self.start * self.factor ** (t // self.every)
        return max(value, self.end)

    def _between(self, share: float) -> float:
        """The value where `share` in [0, 1) of the way from start to end is done."""
        if self.kind == "linear":
            return self.start + (self.end - self.start) * share
        if self.kind == "cosine":
            return self.end + (self.start - self.end) * (1 + math.cos(math.pi * share)) / 2
        return self.start * (self.end / self.start) ** share


_TOWARDS_END = frozenset({"linear", "cosine", "exponential"})


def _check_kind(schedule: Schedule) -> None:
    """Checks what only some kinds need."""
    kind = schedule.kind
    if kind in _TOWARDS_END and schedule.steps <= schedule.warmup_steps:
        raise ValueError(
            f"A {kind} schedule with steps={schedule.steps} and warmup_steps={schedule.warmup_steps} has no "
            f"time to go from {schedule.start} to {schedule.end}. Set steps to when it should arrive, above "
            "warmup_steps."
        )
    if kind == "exponential" and schedule.start * schedule.end <= 0:
        raise ValueError(
            f"An exponential schedule multiplies, so it cannot go from {schedule.start} to {schedule.end}. "
            "Give start and end the same sign and neither zero, or choose kind 'linear'."
        )
    if kind in {"inverse", "inverse_sqrt"} and not 0 <= schedule.rate < math.inf:
        raise ValueError(f"rate is {schedule.rate}, and 1 + rate * step must stay above zero. Set rate to 0 or more.")
    if kind == "staircase" and (schedule.every < 1 or not 0 < schedule.factor < math.inf):
        raise ValueError(
            f"A staircase that is multiplied by {schedule.factor} every {schedule.every} steps is none. "
            "Set every to at least 1 step, and factor above 0."
        )
    if kind == "by_hand":
        firsts = [first for first, _ in schedule.pieces]
        if not firsts or firsts[0] != 0 or any(a >= b for a, b in pairwise(firsts)):
            raise ValueError(
                f"by_hand needs (step, value) pieces that begin at step 0 and go upwards, but pieces is "
                f"{schedule.pieces}. Sort them, and start with (0, value)."
            )
        if not all(math.isfinite(value) for _, value in schedule.pieces):
            raise ValueError(f"pieces {schedule.pieces} hold a value that is not finite. Give finite numbers.")


def constant(value: float) -> Schedule:
    """The same value for ever."""
    return Schedule(kind="constant", start=value)


def linear(start: float, end: float, steps: int, delay_steps: int = 0) -> Schedule:
    """In a straight line from start to end over so many steps, which begin after a delay; then end."""
    return Schedule(kind="linear", start=start, end=end, steps=steps, delay_steps=delay_steps)


def cosine(start: float, end: float, steps: int, warmup_steps: int = 0) -> Schedule:
    """Half a cosine from start to end, arriving at `steps`. Source: Loshchilov and Hutter 2017."""
    return Schedule(kind="cosine", start=start, end=end, steps=steps, warmup_steps=warmup_steps)


def staircase(start: float, factor: float, every: int) -> Schedule:
    """Multiplied by factor once every so many steps."""
    return Schedule(kind="staircase", start=start, factor=factor, every=every)


def by_hand(*pieces: tuple[int, float]) -> Schedule:
    """The value of the last (step, value) reached."""
    return Schedule(kind="by_hand", pieces=pieces)
