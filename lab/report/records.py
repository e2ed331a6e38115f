"""What the report knows of each run, as typed records; and how doubtful JSON becomes one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lab.experiment import Bound, Target
from lab.interventions import Intervention
from lab.statistics import Statistic, interquartile_mean

StatisticName = Literal["iqm", "mean"]
STATISTICS: dict[StatisticName, Statistic] = {"iqm": interquartile_mean, "mean": np.mean}
KNOWN_STATES = ("running", "interrupted", "finished", "failed")


@dataclass(frozen=True)
class Curve:
    """One metric of one run: values [P] at ascending steps [P]. A value may be nan where the run logged none."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a run came. `state` is one of KNOWN_STATES, 'diverged' for a failure that is a result, or 'unknown'."""

    state: str
    step: int | None
    budget: int | None
    unit: str
    error: str
    updated: str  # ISO time, or nothing
    joules: Mapping[str, float] = field(default_factory=dict)  # of all attempts, by the device whose counter told it


@dataclass(frozen=True, kw_only=True)
class Medium:
    """The latest picture, clip or passage of one name."""

    name: str
    step: int
    path: Path
    caption: str = ""
    numbers: Path | None = None  # of what it is a picture of, where they lie beside it


@dataclass(frozen=True, kw_only=True)
class Run:
    """One seed of one configuration, as its directory tells it; `problems` says what the directory could not tell."""

    place: str  # the directory, relative to the runs folder
    experiment: str
    variant: str
    address: str  # hash of the configuration
    seed: int
    unit: str
    summary: str
    command: str
    config: Mapping[str, Any]
    target: Target | None
    status: Status
    curves: Mapping[str, Curve]
    environment: Mapping[str, Any]
    media: tuple[Medium, ...]
    problems: tuple[str, ...] = field(default=())
    nursed: tuple[Intervention, ...] = field(default=())  # what was changed by hand: it is no run of its address then

    @property
    def last_step(self) -> int:
        """The last step the run is known to have reached."""
        logged = max((int(curve.steps[-1]) for curve in self.curves.values()), default=0)
        return max(logged, self.status.step or 0)

    @property
    def seconds(self) -> float:
        """Wall-clock time of all attempts together; 0 where nothing was logged."""
        return self._last("time/seconds") or 0.0

    def _last(self, name: str) -> float | None:
        curve = self.curves.get(name)
        if curve is None:
            return None
        finite = curve.values[np.isfinite(curve.values)]
        return float(finite[-1]) if len(finite) else None


def as_text(value: Any) -> str:
    """Text as it is, a list joined by spaces, nothing for None, and anything else as Python says it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(as_text(item) for item in value)
    return value if isinstance(value, str) else str(value)


def as_number(value: Any) -> float | None:
    """A finite number, or None. Booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        return None
    return float(value)


def as_count(value: Any) -> int | None:
    """A whole number of at least 0 that a float holds exactly, or None."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < 2**53 and number == int(number) else None


def _bounds(raw: Any, problems: list[str]) -> Iterator[Bound]:
    """Further bounds of a target; one that says too little is told and left out."""
    for each in raw if isinstance(raw, list) else []:
        known = each if isinstance(each, dict) else {}
        metric = as_text(known.get("metric"))
        at_least, at_most = as_number(known.get("at_least")), as_number(known.get("at_most"))
        if metric and (at_least is None) != (at_most is None):
            yield Bound(metric=metric, at_least=at_least, at_most=at_most)
        else:
            problems.append(f"A further bound of the target in config.json cannot be read: {each!r}. It is not judged.")


def parse_target(raw: Any, problems: list[str]) -> Target | None:
    """The target that config.json states; None where it states none, or says too little to judge by (then told)."""
    if raw is None:
        return None
    known = raw if isinstance(raw, dict) else {}
    at_least, at_most = as_number(known.get("at_least")), as_number(known.get("at_most"))
    steps, seeds = as_count(known.get("steps")), as_count(known.get("seeds"))
    metric, statistic = as_text(known.get("metric")), known.get("statistic")
    lacking = [
        what
        for what, there in [
            ("the name of its metric", metric),
            ("exactly one bound, at_least or at_most", (at_least is None) != (at_most is None)),
            ("its budget in steps", steps),
            ("its number of seeds", seeds),
            ("its statistic, 'iqm' or 'mean'", statistic in ("iqm", "mean")),
        ]
        if not there
    ]
    if lacking:
        problems.append(f"The target in config.json lacks {'; '.join(lacking)}. So this run is not judged.")
        return None
    return Target(
        metric=metric,
        at_least=at_least,
        at_most=at_most,
        steps=steps or 0,
        statistic="iqm" if statistic == "iqm" else "mean",
        each_seed_at_least=as_number(known.get("each_seed_at_least")),
        beside=tuple(_bounds(known.get("beside"), problems)),
        seeds=seeds or 0,
        protocol=as_text(known.get("protocol")),
        source=as_text(known.get("source")),
        published=as_number(known.get("published")),
    )
