"""Search for settings: candidates spread evenly, the hopeless stopped early, the best looked at more closely.

Source of the early stopping: Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization" (successive halving). A candidate that goes on does so in its run directory, exactly, as a run whose
budget is raised does; so a search that is killed goes on where it stopped, and what it has run is there for any other.
Where nothing is stopped before the whole budget, seeds take its place: all are tried with one, and whatever leads gets
twice as many, until that which leads has all. That is the way where what leads early falls behind later, as under a
learning rate that becomes small at the end only, and where many do as well with one seed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from lab.config import address
from lab.config import replace as replace_settings
from lab.experiment import Experiment
from lab.foretelling import Foretold
from lab.interventions import nursed_note
from lab.launching import Launched, Watch, launch_configs
from lab.names import did_you_mean
from lab.search_space import Axis, Choices, Range, drawn
from lab.verdict import row_at, row_near

_BOUND = re.compile(r"\s*(\S+?)\s*(>=|<=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Satisfy:
    """A metric that only has to be good enough: `eval/length <= 200`."""

    metric: str
    at_least: bool
    bound: float

    @classmethod
    def parsed(cls, text: str) -> Satisfy:
        """Raises ValueError for a text that is no such bound."""
        match = _BOUND.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            return cls(match[1], match[2] == ">=", float(match[3]))
        except ValueError:
            raise ValueError(f"{text!r} is no bound. Write METRIC>=NUMBER or METRIC<=NUMBER.") from None

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.at_least else '<='} {self.bound}"

    def holds(self, value: float) -> bool:
        """Whether a value is good enough; one that is not a number is not."""
        return value >= self.bound if self.at_least else value <= self.bound


class Rung(NamedTuple):
    """What those that are left have been given when they are compared."""

    steps: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched, and how."""

    experiment: Experiment
    config: Any  # what does not vary
    variant: str = ""
    axes: tuple[Axis, ...]
    metric: str  # as in metrics.jsonl
    lower_is_better: bool = False
    satisfy: tuple[Satisfy, ...] = ()
    candidates: int = 32  # of each stage
    stages: int = 1  # after the first, each draws from a quarter of every range around the best so far
    seeds: tuple[int, ...] = (0,)  # of the last rung; `keep` times fewer at each rung below, at least one
    steps: int  # the whole budget
    first_steps: int  # the budget after which the first are stopped; where it is the whole, seeds are saved instead
    keep: int = 3  # one in so many goes on, with so many times the budget and the seeds
    sampler: Literal["even", "random"] = "even"
    seed: int = 0  # of the candidates

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        for name in ("candidates", "stages", "steps", "first_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but there is at least one. Raise it.")
        if self.keep < 2:
            raise ValueError(f"keep is {self.keep}: one in two at most can go on, or none would be stopped. Raise it.")
        if self.first_steps > self.steps:
            raise ValueError(
                f"The first are stopped after {self.first_steps:,} of {self.steps:,} steps. Lower the former."
            )
        if not self.seeds:
            raise ValueError("There are no seeds, so nothing would run. Give at least one.")
        if not self.axes:
            raise ValueError("Nothing varies, so there is nothing to search. Give at least one --vary NAME=LOW:HIGH.")
        if len({each.name for each in self.axes}) < len(self.axes):
            raise ValueError("A setting varies twice. Give each one range.")

    @property
    def rungs(self) -> list[Rung]:
        """Budgets, each `keep` times the one before, and then the whole; none lies just below it.

        The whole has all seeds and what lies below it `keep` times fewer each: what is wrongly kept for luck costs
        little, until few are left. Where the first budget is the whole, twice the seeds come instead, up to all.
        """
        most = len(self.seeds)
        if self.first_steps == self.steps:
            counts = [1]
            while counts[-1] < most:
                counts.append(min(counts[-1] * 2, most))
            return [Rung(self.steps, self.seeds[:count]) for count in counts]
        budgets = [self.first_steps]
        while budgets[-1] * self.keep < 0.9 * self.steps:
            budgets.append(budgets[-1] * self.keep)
        above = range(len(budgets), 0, -1)
        lower = [Rung(steps, self.seeds[: math.ceil(most / self.keep**n)]) for steps, n in zip(budgets, above)]
        return [*lower, Rung(self.steps, self.seeds)]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One choice of settings, and what became of it."""

    number: int  # from 0, over all stages
    stage: int
    settings: Mapping[str, Any]
    steps: int  # the last budget that it was judged at; 0 where it never was
    scores: Mapping[int, float]  # by seed, there
    average: float = 0.0  # of the metric over all that was judged on the way, and over seeds: who was good sooner
    feasible: bool  # whether all that has to be good enough is, on average over seeds
    why: str = ""  # it is out of the question

    @property
    def score(self) -> float | None:
        """The mean over seeds; None where a seed has none."""
        return fmean(self.scores.values()) if self.scores and not self.why else None


@dataclass(frozen=True)
class Found:
    """What a search came to. It is not complete where runs were stopped by a signal."""

    search: Search
    candidates: list[Candidate]  # the best first: those with the largest budget, of these the feasible, by score
    stopped: list[Launched]  # runs that were interrupted or wait
    foretold: list[Foretold]  # wherever a budget was raised

    @property
    def best(self) -> Candidate | None:
        """None where nothing has a score."""
        return self.candidates[0] if self.candidates and self.candidates[0].score is not None else None


Tell = Callable[[str], None]
LaunchAll = Callable[..., list[Launched]]


def search(
    what: Search,
    *,
    jobs: int | None = None,
    on: str = "local",
    engine_settings: Mapping[str, Any] | None = None,
    runs_dir: Path | None = None,
    watch: Watch = lambda directory, news: None,
    tell: Tell = lambda line: None,
) -> Found:
    """Runs all of it, or what is left of it, as `launch` does. `tell` is told of each rung's end in a line."""
    launch_all = partial(
        launch_configs, what.experiment, jobs=jobs, on=on, engine_settings=engine_settings,
        runs_dir=runs_dir, watch=watch,
    )  # fmt: skip
    axes, everyone, foretold = what.axes, list[Candidate](), list[Foretold]()
    for stage in range(what.stages):
        settings = drawn(axes, what.candidates, what.seed + stage, what.sampler)
        new = [
            Candidate(number=len(everyone) + i, stage=stage, settings=each, steps=0, scores={}, feasible=True)
            for i, each in enumerate(settings)
        ]
        if what.first_steps == what.steps:
            everyone, stopped = _raced(what, everyone, new, launch_all, tell)
        else:
            everyone, stopped = _halved(what, everyone, new, launch_all, tell, foretold)
        everyone = ranked(what, everyone)
        best = everyone[0]
        if stopped or best.score is None:
            return Found(what, everyone, stopped, foretold)
        axes = tuple(_closer(each, best.settings[each.name]) for each in axes)
    return Found(what, everyone, [], foretold)


def _halved(
    what: Search, before: list[Candidate], going: list[Candidate], launch_all: LaunchAll, tell: Tell,
    foretold: list[Foretold],
) -> tuple[list[Candidate], list[Launched]]:  # fmt: skip
    """All candidates, once the new ones have had the budget that each is worth; and the runs that were stopped."""
    everyone, rungs = list(before), what.rungs
    for rung in rungs:
        last = going
        going, stopped = _run(what, last, rung, launch_all)
        if stopped:
            return [*everyone, *going], stopped
        if last[0].steps:
            foretold.append(Foretold.of(last[0].steps, rung.steps, [(a.score, b.score) for a, b in zip(last, going)]))
        going = ranked(what, going)
        ahead = []
        if rung is not rungs[-1]:
            ahead = [each for each in going[: math.ceil(len(going) / what.keep)] if each.score is not None]
        tell(_rung_said(what, rung, going, len(ahead)))
        everyone += going[len(ahead) :]
        going = ahead
        if not going:
            break
    return everyone, []


def _raced(
    what: Search, before: list[Candidate], going: list[Candidate], launch_all: LaunchAll, tell: Tell
) -> tuple[list[Candidate], list[Launched]]:
    """As `_halved`, where all have the whole budget: the seeds that each is worth."""
    everyone = {each.number: each for each in before}
    rung = what.rungs[0]
    while going:
        going, stopped = _run(what, going, rung, launch_all)
        everyone |= {each.number: each for each in going}
        if stopped:
            return list(everyone.values()), stopped
        tell(_rung_said(what, rung, ranked(what, going), 0))
        going = leading_by_fewer_seeds(what, list(everyone.values()))
        if going:
            rung = next(each for each in what.rungs if len(each.seeds) > len(going[0].scores))
    return list(everyone.values()), []


def leading_by_fewer_seeds(what: Search, everyone: Sequence[Candidate]) -> list[Candidate]:
    """The best of the candidates that are better than all that have every seed, and others of as many seeds.

    At a time they are one in `keep` times `keep`.
    """
    scored = [each for each in ranked(what, everyone) if each.score is not None]
    whole = [_worth(what, each) for each in scored if len(each.scores) == len(what.seeds)]
    fewer = [each for each in scored if len(each.scores) < len(what.seeds)]
    leading = [each for each in fewer if not whole or _worth(what, each) < whole[0]]
    alike = [each for each in leading if len(each.scores) == len(leading[0].scores)]
    return alike[: math.ceil(what.candidates / what.keep**2)]


def config_of(what: Search, candidate: Candidate, steps: int) -> Any:
    """A candidate's config with a budget."""
    return replace_settings(what.config, {**candidate.settings, "run.steps": steps})


def _run(
    what: Search, going: Sequence[Candidate], rung: Rung, launch_all: LaunchAll
) -> tuple[list[Candidate], list[Launched]]:
    """Candidates as they stand at a rung, and the runs that were stopped on the way there."""
    steps, seeds = rung
    configs = [config_of(what, candidate, steps) for candidate in going]
    addresses = [address(what.experiment.name, config) for config in configs]
    launched = launch_all(configs=[(what.variant, config) for config in configs], seeds=seeds)
    by_address: dict[str, list[Launched]] = {}
    for item in launched:
        by_address.setdefault(item.directory.path.parts[-2], []).append(item)
    judged = [_judged(what, candidate, by_address[where], steps) for candidate, where in zip(going, addresses)]
    return judged, [item for item in launched if item.state in ("interrupted", "waiting")]


def _judged(what: Search, candidate: Candidate, runs: Sequence[Launched], steps: int) -> Candidate:
    if bad := [item for item in runs if item.state != "finished"]:
        why = f"seed {bad[0].seed}: {bad[0].error or bad[0].state}"
        return replace(candidate, scores={}, why=why.partition("\n")[0])
    if notes := [f"seed {item.seed}: {note}" for item in runs if (note := nursed_note(item.directory))]:
        return replace(candidate, scores={}, why=notes[0])
    rows = {item.seed: item.directory.rows() for item in runs}
    ends: dict[str, dict[int, Mapping[str, Any]]] = {}  # by metric and seed: the row that counts as at the budget
    for metric in (what.metric, *(each.metric for each in what.satisfy)):
        # A run that was there before may have been judged at other steps: before the end it is taken where it was.
        find = row_at if steps == what.steps else row_near
        at = {seed: find(each, metric, steps) for seed, each in rows.items()}
        if lacking := [seed for seed, row in at.items() if row is None]:
            known = {name for row in rows[lacking[0]] for name in row if name.startswith("eval/")}
            what_else = "" if metric in known else f". {did_you_mean(metric, known)}"
            return replace(candidate, scores={}, why=f"seed {lacking[0]} has no {metric} at {steps:,}{what_else}")
        ends[metric] = {seed: row for seed, row in at.items() if row is not None}
    feasible = all(each.holds(fmean(row[each.metric] for row in ends[each.metric].values())) for each in what.satisfy)
    scores = {seed: float(row[what.metric]) for seed, row in ends[what.metric].items()}
    average = fmean(_average(rows[seed], what.metric, row["step"]) for seed, row in ends[what.metric].items())
    return replace(candidate, steps=steps, scores=scores, average=average, feasible=feasible)


def _average(rows: Sequence[Mapping[str, Any]], metric: str, until: int) -> float:
    """Of what was judged up to a step, where it is a number."""
    return fmean(row[metric] for row in rows if row.get(metric) is not None and row["step"] <= until)


def ranked(what: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those with the largest budget first, of these the feasible, of these by score; last what has none.

    Of equal scores, as at a metric's bound, that of more seeds, then what was good sooner.
    """
    sign = 1 if what.lower_is_better else -1

    def key(each: Candidate) -> tuple[Any, ...]:
        if each.score is None:
            return True, each.number
        return False, -each.steps, _worth(what, each), -len(each.scores), sign * each.average, each.number

    return sorted(candidates, key=key)


def _worth(what: Search, each: Candidate) -> tuple[bool, float]:
    """What is smaller of a candidate with a score is better."""
    score = each.score or 0.0
    return not each.feasible, score if what.lower_is_better else -score


def _closer(each: Axis, value: Any) -> Axis:
    """Of a range a quarter around the value; a choice is settled."""
    return each.around(value, 0.25) if isinstance(each, Range) else Choices(each.name, (value,))


def _rung_said(what: Search, rung: Rung, going: Sequence[Candidate], ahead: int) -> str:
    best, steps, seeds = going[0], rung.steps, len(rung.seeds)
    of_stage = f"stage {best.stage + 1}, " if what.stages > 1 else ""
    score = "none has a score" if best.score is None else f"best {what.metric} {best.score:.4g}"
    on = f"; {ahead} {'goes' if ahead == 1 else 'go'} on" if ahead else ""
    return f"{of_stage}{steps:,} steps of {seeds} seed{'s' if seeds > 1 else ''}: {len(going)} candidates, {score}{on}"
