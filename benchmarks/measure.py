"""What every benchmark needs: the machine, interleaved repeats, paired ratios, a verdict and a table.

A benchmark is a module with a function `measure(quick: bool) -> Result`, and ends in

    if __name__ == "__main__":
        sys.exit(command(measure))

which gives `python -m benchmarks.NAME [--quick] [--json FILE]`: it prints the result and exits with 1 where a
bound is missed. Quick mode shows that everything runs; its numbers are too few to be held to a bound.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, TypeVar

import numpy as np

from lab.provenance import gpus, processor, versions
from lab.statistics import Interval, bootstrap_interval

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The quartiles of repeated measurements."""

    lower: float
    median: float
    upper: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The quartiles of values; those of a single one are that."""
        lower, median, upper = quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * list(values)
        return cls(lower=lower, median=median, upper=upper, n=len(values))

    def text(self, scale: float = 1.0, digits: int = 2) -> str:
        """Median and quartiles in units of 1 / scale."""
        lower, median, upper = (f"{scale * value:,.{digits}f}" for value in (self.lower, self.median, self.upper))
        return f"{median} ({lower}-{upper})"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A number and the bound that it is held to, exactly one of the two."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    interval: Interval | None = None  # how sure the value is

    @property
    def holds(self) -> bool:
        """Whether the value keeps to its bound."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.at_least is not None and self.value >= self.at_least

    def __str__(self) -> str:
        sure = "" if self.interval is None else f" [{self.interval.low:.4f}, {self.interval.high:.4f}]"
        bound = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{'holds ' if self.holds else 'MISSED'} {self.name}: {self.value:.4f}{sure}, bound {bound}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a benchmark found. The header and the rows of its table are text, ready to be printed."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    checks: Sequence[Check]
    notes: Sequence[str]  # the estimator and why, what the runs had in common, one-off costs

    @property
    def holds(self) -> bool:
        """Whether every bound holds."""
        return all(check.holds for check in self.checks)

    def __str__(self) -> str:
        lines = [self.title, "", *_table(self.header, self.rows), ""]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes), "", *(f"  {check}" for check in self.checks)])


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines with the first column on the left and the others on the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = tuple("-" * width for width in widths)
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in [header, rule, *rows]
    ]


@dataclass(frozen=True, kw_only=True)
class Elapsed:
    """How long something took, in seconds, and for how many of them it had a processor."""

    wall: float
    processor: float  # of all threads of this process

    @classmethod
    def of(cls, action: Callable[[], object]) -> Elapsed:
        """Runs the action, with what earlier ones left behind collected first."""
        gc.collect()
        wall, used = time.perf_counter(), time.process_time()
        action()
        return cls(wall=time.perf_counter() - wall, processor=time.process_time() - used)


def alternate(arms: Mapping[str, Callable[[int], T]], repeats: int) -> dict[str, list[T]]:
    """What each arm returns, repeat by repeat, in turn and in reversed turn, so that drift and order favour none.

    An arm is called with the repeat's number, usually runs something and returns how long it took. A round with
    the number -1 warms everything up and is not counted.
    """
    for arm in arms.values():
        arm(-1)
    measured: dict[str, list[T]] = {name: [] for name in arms}
    for repeat in range(repeats):
        for name in list(arms) if repeat % 2 == 0 else reversed(list(arms)):
            measured[name].append(arms[name](repeat))
    return measured


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The median of ours[i] / theirs[i], whose two runs were neighbours in time, with its 95 % bootstrap interval."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return bootstrap_interval(ratios, np.median, resamples=10_000)


def between(interval: Interval, digits: int = 3) -> str:
    """An estimate and its interval, short enough for a table."""
    return f"{interval.estimate:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


class Stopwatch:
    """Adds up the time spent inside chosen methods of chosen objects."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls: Counter[str] = Counter()  # by the method's name
        self._running = False

    def on(self, thing: object, *names: str) -> None:
        """Measures these methods of this object from now on; a call made inside another one counts once."""
        for name in names:
            setattr(thing, name, self._measured(name, getattr(thing, name)))

    def _measured(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **named: Any) -> Any:
            if self._running:
                return method(*arguments, **named)
            self._running, started = True, time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - started
                self.calls[name] += 1
                self._running = False

        return measured


def machine() -> dict[str, Any]:
    """Where the numbers come from: hardware, how busy it was, and the versions of what ran."""
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "gpu": gpus(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,  # over the last minute
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **versions()},
    }


_QUICK = "  Quick mode: too little was measured to hold anything to its bound.\n"


def command(measure: Callable[[bool], Result], arguments: Sequence[str] | None = None) -> int:
    """The command line of a benchmark; returns the exit code: 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(measure.__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="show that it runs, in seconds; bounds do not count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    options = parser.parse_args(arguments)
    where = machine()
    named = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    print(f"{where['cpu']}, {where['cores']} cores, load {where['load']}; {named}\n", flush=True)
    result = measure(options.quick)
    print(f"{result}\n{_QUICK if options.quick else ''}", flush=True)
    if options.json is not None:
        record = {"machine": where, "quick": options.quick, "holds": result.holds, **asdict(result)}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if result.holds or options.quick else 1
