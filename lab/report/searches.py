"""Reads what searches left, whole or half-written, into records: settings, and what became of each candidate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from lab.foretelling import Foretold
from lab.report.records import as_count, as_number, as_text
from lab.search_space import Axis, Choices, Range, Scale, at_the_border

SCHEMA = "lab.search/1"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One choice of settings. `score` is None where it came to none, and `why` then says the reason."""

    number: int  # in the order in which they were drawn
    settings: Mapping[str, Any]
    address: str  # of its runs
    steps: int  # the last budget that it was judged at; 0 where it never was
    score: float | None
    num_seeds: int  # whose mean the score is
    feasible: bool
    why: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search as its file tells it. Candidates stand in its own order: the best first."""

    experiment: str
    variant: str
    name: str  # of the file, without its ending
    metric: str
    lower_is_better: bool
    axes: tuple[Axis, ...]
    rungs: tuple[tuple[int, int], ...]  # (budget, seeds), ascending; the last is the whole
    seeds: tuple[int, ...]
    satisfy: tuple[str, ...]
    complete: bool
    foretold: tuple[Foretold, ...]
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """The first, if it has a score."""
        return self.candidates[0] if self.candidates and self.candidates[0].score is not None else None

    def rung_of(self, candidate: Candidate) -> int:
        """How far from the whole budget it was judged last: 0 at the whole, 1 a rung before, and so on."""
        return sum(1 for rung in self.rungs if rung > (candidate.steps, candidate.num_seeds))

    def bordering(self) -> list[str]:
        """Which of the best one's settings lie at the border of their ranges, in words."""
        return at_the_border(self.axes, self.best.settings) if self.best is not None else []

    def best_so_far(self) -> list[tuple[int, float]]:
        """(candidate's number, score) wherever one was better than those drawn before it, of what went furthest.

        Scores at different budgets are not compared: only candidates of the furthest rung that any reached count, and
        of these the feasible, if there are any.
        """
        if self.best is None:
            return []
        rung, feasible = self.rung_of(self.best), self.best.feasible
        alike = [each for each in self.candidates if self.rung_of(each) == rung and each.feasible == feasible]
        found: list[tuple[int, float]] = []
        for each in sorted(alike, key=lambda each: each.number):
            if each.score is not None and (not found or (each.score < found[-1][1]) == self.lower_is_better):
                found.append((each.number, each.score))
        return found


def gather_searches(runs_dir: Path, experiment: str) -> tuple[list[Search], list[str]]:
    """The searches of an experiment by name, and what could not be read, in words."""
    found, problems = [], []
    for path in sorted((runs_dir / experiment / "searches").glob("*.json")):
        try:
            found.append(read_search(path))
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{path.relative_to(runs_dir).as_posix()}: {error}")
    return found, problems


def read_search(path: Path) -> Search:
    """The record of a search. Raises ValueError for a file that holds none, and OSError where it cannot be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text ({error}).") from None
    except ValueError as error:
        raise ValueError(f"is no whole JSON ({error}); it was probably being written.") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise ValueError(f"is no search of the schema {SCHEMA!r}, which is all that this version reads.")
    axes = tuple(map(_axis, _list(raw, "axes")))
    candidates = tuple(_candidate(each, axes) for each in _list(raw, "candidates"))
    if not axes or not candidates:
        raise ValueError("names no setting that varied, or no candidate. The same `lab search` writes it anew.")
    return Search(
        experiment=as_text(raw.get("experiment")),
        variant=as_text(raw.get("variant")),
        name=path.stem,
        metric=as_text(raw.get("metric")),
        lower_is_better=raw.get("lower_is_better") is True,
        axes=axes,
        rungs=tuple(sorted(map(_rung, _list(raw, "rungs")))),
        seeds=tuple(seed for each in _list(raw, "seeds") if (seed := as_count(each)) is not None),
        satisfy=tuple(map(as_text, _list(raw, "satisfy"))),
        complete=raw.get("complete") is True,
        foretold=tuple(map(_foretold, _list(raw, "foretold"))),
        candidates=candidates,
    )


def _list(raw: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = raw.get(name)
    return value if isinstance(value, list) else []


def _rung(raw: Any) -> tuple[int, int]:
    steps, seeds = raw if isinstance(raw, list) and len(raw) == 2 else (raw, 0)  # only budgets before 2026-11-26
    return as_count(steps) or 0, as_count(seeds) or 0


def _foretold(raw: Any) -> Foretold:
    known = raw if isinstance(raw, dict) else {}
    before, after, candidates = (as_count(known.get(name)) or 0 for name in ("before", "after", "candidates"))
    return Foretold(before, after, candidates, as_number(known.get("correlation")))


def _axis(raw: Any) -> Axis:
    known = raw if isinstance(raw, dict) else {}
    name, low, high = as_text(known.get("name")), as_number(known.get("low")), as_number(known.get("high"))
    if known.get("kind") == "choices" and name and isinstance(known.get("values"), list):
        return Choices(name, tuple(known["values"]))
    scale: Scale = known.get("scale", "linear")
    if low is None or high is None or not name or scale not in get_args(Scale):
        raise ValueError(f"describes a setting that varied as {raw!r}, which cannot be read.")
    return Range(name, low, high, scale, known.get("whole") is True)


def _candidate(raw: Any, axes: Sequence[Axis]) -> Candidate:
    known = raw if isinstance(raw, dict) else {}
    number, settings = as_count(known.get("number")), known.get("settings")
    there = isinstance(settings, dict) and all(
        as_number(settings.get(axis.name)) is not None
        if isinstance(axis, Range)
        else settings.get(axis.name, axis) in axis.values
        for axis in axes
    )
    if number is None or not isinstance(settings, dict) or not there:
        raise ValueError(f"holds a candidate that cannot be read: {str(raw)[:200]}.")
    return Candidate(
        number=number,
        settings=settings,
        address=as_text(known.get("address")),
        steps=as_count(known.get("steps")) or 0,
        score=as_number(known.get("score")),
        num_seeds=len(scores) if isinstance(scores := known.get("scores"), dict) else 0,
        feasible=known.get("feasible") is not False,
        why=as_text(known.get("why")),
        command=as_text(known.get("command")),
    )
