"""What a search draws from: ranges of settings on linear and logarithmic scales, and points spread evenly over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from lab.config import ConfigError, flatten
from lab.names import did_you_mean

Scale = Literal["linear", "log", "log1m"]
"""log: every factor counts alike, as for learning rates; log1m: the same of 1 - value, as for discounts and momenta."""

DIGITS = 4  # significant ones of a value: commands stay readable
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


@dataclass(frozen=True)
class Range:
    """A setting's values from low to high."""

    name: str  # dotted
    low: float
    high: float
    scale: Scale = "linear"
    whole: bool = False  # whole numbers only

    def __post_init__(self) -> None:
        """Raises ValueError for a range without values, and for one that its scale cannot have."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"{self.name} from {self.low:g} to {self.high:g} has no values. Give LOW:HIGH, LOW below HIGH."
            )
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"{self.name} begins at {self.low:g}, which has no logarithm. Begin above 0.")
        if self.scale == "log1m" and self.high >= 1:
            raise ValueError(f"{self.name} ends at {self.high:g}, and 1 less that has no logarithm. End below 1.")

    def at(self, place: float) -> float | int:
        """The value at a place from 0 (low) to 1 (high)."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        value = low + place * (high - low)
        if self.scale == "log":
            value = math.exp(value)
        if self.scale == "log1m":
            value = 1 - float(f"{math.exp(value):.{DIGITS}g}")
        value = min(max(float(f"{value:.{DIGITS + 2 * (self.scale == 'log1m')}g}"), self.low), self.high)
        return round(value) if self.whole else value

    def place(self, value: float) -> float:
        """Where a value lies: 0 at low, 1 at high."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(value) - low) / (high - low)

    def around(self, value: float, share: float) -> Range:
        """The part of the range around a value, `share` of it on its scale, and within it."""
        middle = min(max(self.place(value), share / 2), 1 - share / 2)
        unrounded = replace(self, whole=False)
        return replace(self, low=float(unrounded.at(middle - share / 2)), high=float(unrounded.at(middle + share / 2)))

    def _scaled(self, value: float) -> float:
        return {"linear": value, "log": math.log(max(value, 1e-300)), "log1m": math.log(max(1 - value, 1e-300))}[
            self.scale
        ]


@dataclass(frozen=True)
class Choices:
    """A setting's values, one by one."""

    name: str  # dotted
    values: tuple[Any, ...]

    def at(self, place: float) -> Any:
        """The value at a place from 0 to 1, of which each has an equal part."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


Axis = Range | Choices


def axis(text: str, config: Any) -> Axis:
    """`NAME=LOW:HIGH`, `NAME=LOW:HIGH:SCALE` or `NAME=A,B,C` of a config's setting.

    Raises ConfigError for a setting that there is not, and ValueError for what is no range.
    """
    dotted, _, values = text.partition("=")
    name = dotted.strip().replace("-", "_")
    known = flatten(config)
    if name not in known:
        raise ConfigError(f"--vary {text}: there is no setting {dotted!r}. {did_you_mean(name, known)}")
    if name.split(".")[0] == "run":
        raise ConfigError(f"--vary {text}: {dotted} shapes no result; give it once, as --{dotted}.")
    if ":" not in values:
        parts = [part.strip() for part in values.split(",") if part.strip()]
        if len(parts) < 2:
            raise ValueError(f"--vary {text} has nothing to vary. Give NAME=LOW:HIGH, or several values: NAME=A,B,C.")
        return Choices(name, tuple(_read(part, known[name]) for part in parts))
    ends = values.split(":")
    scale = ends[2] if len(ends) == 3 else "linear"
    if len(ends) > 3 or scale not in get_args(Scale):
        raise ValueError(f"--vary {text}: {scale!r} is no scale. {did_you_mean(scale, get_args(Scale))}")
    try:
        low, high = float(ends[0]), float(ends[1])
    except ValueError:
        raise ValueError(f"--vary {text}: {ends[0]!r} to {ends[1]!r} are no numbers. Give NAME=LOW:HIGH.") from None
    whole = isinstance(known[name], int) and not isinstance(known[name], bool)
    return Range(name, low, high, scale, whole)  # type: ignore[arg-type]


def _read(text: str, now: Any) -> Any:
    """A value of the kind that the setting has now."""
    if isinstance(now, bool) or text in ("True", "False"):
        if text not in ("True", "False"):
            raise ValueError(f"{text!r} is neither True nor False. Give one of them.")
        return text == "True"
    if text == "None":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def points(count: int, axes: int, seed: int, sampler: Literal["even", "random"] = "even") -> np.ndarray:
    """Places [count, axes] in [0, 1): Halton's sequence shifted by the seed, or random ones.

    Of either the first n are the same however many follow, so that a search can be made larger. Source: Halton 1960;
    Cranley and Patterson 1976 for the shift.
    """
    generator = np.random.default_rng(seed)
    if sampler == "random":
        return generator.random((count, axes))
    if axes > len(_PRIMES):
        raise ValueError(
            f"{axes} settings vary, but Halton's sequence is even for {len(_PRIMES)} at most. Vary fewer, or draw at "
            "random: --sampler random."
        )
    shift = generator.random(axes)
    inverse = np.array([[_radical_inverse(i + 1, base) for base in _PRIMES[:axes]] for i in range(count)])
    return np.asarray((inverse.reshape(count, axes) + shift) % 1.0)


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number mirrored at the point: 6 = 110 in base 2 becomes 0.011."""
    value, weight = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        weight /= base
        value += digit * weight
    return value


def drawn(axes: Sequence[Axis], count: int, seed: int, sampler: Literal["even", "random"]) -> list[dict[str, Any]]:
    """Settings of `count` candidates; of equal ones, as few choices can have, only the first."""
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in points(count, len(axes), seed, sampler):
        settings = {each.name: each.at(float(place)) for each, place in zip(axes, row)}
        found.setdefault(tuple(settings.values()), settings)
    return [dict(settings) for settings in found.values()]


def at_the_border(axes: Sequence[Axis], settings: Mapping[str, Any], share: float = 0.05) -> list[str]:
    """What of the settings lies in the outermost part of its range, in words: better values may lie beyond."""
    said = []
    for each in axes:
        if isinstance(each, Range):
            place = each.place(settings[each.name])
            if not share <= place <= 1 - share:
                end = f"lower end, {each.low:g}" if place < share else f"upper end, {each.high:g}"
                said.append(f"{each.name} = {settings[each.name]:g} lies at its range's {end}")
    return said
