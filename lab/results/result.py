"""A recorded result: what an experiment's seeds scored, and the settings, machine and code that they stood on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Literal

from lab.config import ConfigError, address, differences, from_json, portable
from lab.experiment import Experiment, Target
from lab.interventions import nursed_note
from lab.launching import Launched
from lab.provenance import RECORDED
from lab.store import RunDirectory
from lab.verdict import judge, judged_row, values_beside

_DIFF = re.compile(r"^diff --git a/.* b/(.*)$", re.MULTILINE)


class ResultError(ValueError):
    """A result cannot be recorded, or a recorded one cannot be read."""


@dataclass(frozen=True, kw_only=True)
class SeedScore:
    """What one seed scored at the target's budget."""

    seed: int
    score: float
    seconds: float  # of wall-clock time up to there, all attempts together
    finished: str  # when its run ended: ISO time, UTC
    beside: tuple[float, ...] = ()  # the target's further metrics in their order, at the same step
    curve: tuple[tuple[int, float], ...] = ()  # step and score of each evaluation up to there


@dataclass(frozen=True, kw_only=True)
class Stand:
    """What some seeds stood on; a seed that went on elsewhere, or with other code, is in several."""

    seeds: tuple[int, ...]
    processor: str
    cores: int
    gpus: tuple[str, ...]  # those that were there; `device` says whether one was used
    device: str
    threads: int
    deterministic: bool
    python: str
    torch: str
    commit: str | None  # none outside a git checkout
    uncommitted: tuple[str, ...]  # files that were not as that commit has them


@dataclass(frozen=True, kw_only=True)
class Result:
    """What `lab verify --record` writes down, all of it as it was when it was measured."""

    experiment: str
    variant: str | None
    unit: str  # of the target's budget
    target: Target
    verdict: Literal["pass", "fail"]
    estimate: float  # the target's statistic over seeds
    interval: tuple[float, float] | None  # its 95 % bootstrap interval; none of a single seed
    sentence: str  # the verdict in words
    seconds: float  # a seed takes, median
    seeds: tuple[SeedScore, ...]
    stands: tuple[Stand, ...]
    differences: tuple[str, ...]  # from the experiment's own settings: none but of `run`, which shape no score
    config: Mapping[str, Any] = field(default_factory=dict)  # as its runs had it, without folders

    @property
    def name(self) -> str:
        """The experiment, with its variant if it has several."""
        return self.experiment if self.variant is None else f"{self.experiment}--{self.variant}"


def changed_settings(experiment: Experiment, variant: str, config: Any) -> dict[str, Any]:
    """The settings of a variant that are not the experiment's own, with their values; those of `run` included."""
    own, asked = experiment.variants(experiment.Config())[variant], experiment.variants(config)[variant]
    return {name: value for name, (_, value) in differences(own, asked).items()}


def shaping(changed: Mapping[str, Any]) -> str:
    """Those of changed settings that shape the score, in words."""
    return ", ".join(f"{name} {value}" for name, value in changed.items() if not name.startswith("run."))


def result_of(experiment: Experiment, variant: str, config: Any, launched: Sequence[Launched]) -> Result:
    """The result of finished runs, as their directories tell it; `variant` is "" where there is only one.

    Raises ResultError for settings that are not the experiment's own, and for a seed without a score: a result is of
    all seeds that were asked for, or it would be of those that went well.
    """
    target = experiment.target
    if target is None:
        raise ResultError(f"{experiment.name} states no target, so there is nothing to record. Give it a TARGET.")
    changed = changed_settings(experiment, variant, config)
    refuse_changed(experiment.name, changed)
    if notes := [f"seed {item.seed}: {note}" for item in launched if (note := nursed_note(item.directory))]:
        raise ResultError(f"{experiment.name} was not recorded. {'; '.join(notes)}. Start a clean one with --fresh.")
    seeds = {item.seed: score for item in launched if (score := _seed_score(item, target)) is not None}
    lacking = [str(item.seed) for item in launched if item.seed not in seeds]
    if lacking:
        raise ResultError(
            f"{experiment.name} was not recorded: seed {', '.join(lacking)} has no score at {target.steps:,} steps. "
            "Without it the story would be too fair. See `lab runs`, mend what ended the run, and verify again."
        )
    verdict = judge(
        target,
        experiment.name,
        {seed: item.score for seed, item in seeds.items()},
        {bound.metric: {seed: item.beside[i] for seed, item in seeds.items()} for i, bound in enumerate(target.beside)},
    )
    if verdict.value is None or verdict.low is None or verdict.high is None:
        raise ResultError(
            f"{experiment.name} was not recorded: {verdict.sentence} Leave --seeds out, and as many run as are needed."
        )
    return Result(
        experiment=experiment.name,
        variant=variant or None,
        unit=launched[0].directory.status()["unit"],
        target=target,
        verdict="pass" if verdict.passed else "fail",
        estimate=verdict.value,
        interval=(verdict.low, verdict.high) if len(seeds) > 1 else None,
        sentence=verdict.sentence,
        seconds=median(item.seconds for item in seeds.values()),
        seeds=tuple(seeds[seed] for seed in sorted(seeds)),
        stands=stands_of((item.seed, item.directory) for item in launched),
        differences=tuple(f"{name} {value}" for name, value in changed.items() if name != "run.steps"),
        config=portable(from_json(experiment.Config, launched[0].directory.record()["config"])),
    )


def refuse_changed(name: str, changed: Mapping[str, Any]) -> None:
    """Raises ResultError where settings were changed that shape the score."""
    if told := shaping(changed):
        raise ResultError(
            f"{name} cannot be recorded with {told}: its target speaks of the experiment's own settings, and these are "
            "others. Leave them out, or leave out --record, or change the experiment's own."
        )


def outdated(result: Result, experiment: Experiment) -> str:
    """Why a result no longer speaks of the experiment as it is now; nothing if it does."""
    if experiment.target is None:
        return "it states no target any more"
    if _judging(result.target) != _judging(experiment.target):
        return "its target was changed"
    own = experiment.variants(experiment.Config()).get(result.variant or "")
    try:
        # What was added to the settings since then counts as having had its default.
        recorded: Any = from_json(experiment.Config, result.config)
    except ConfigError:
        return "its settings were changed"
    same = own is not None and address(experiment.name, recorded) == address(experiment.name, own)
    return "" if same else "its settings were changed"


def _judging(target: Target) -> Target:
    """A target without what may be said otherwise and still judge the same."""
    return replace(target, source="", published=None, needs="")


def _seed_score(item: Launched, target: Target) -> SeedScore | None:
    rows = item.directory.rows()
    row = judged_row(rows, target) if item.state == "finished" else None
    if row is None:
        return None
    judged = {each["step"]: score for each in rows if (score := each.get(target.metric)) is not None}
    return SeedScore(
        seed=item.seed,
        score=row[target.metric],
        seconds=row["time/seconds"],
        finished=item.directory.status()["updated"],
        beside=tuple(values_beside(row, target).values()),
        curve=tuple((step, score) for step, score in judged.items() if step <= row["step"]),
    )


def stands_of(runs: Iterable[tuple[int, RunDirectory]]) -> tuple[Stand, ...]:
    """What runs, each with its seed, stood on, with the seeds, in the order in which they first come."""
    found: dict[Stand, list[int]] = {}
    for seed, directory in sorted(runs, key=lambda run: run[0]):
        for stand in _stands_of(directory):
            seeds = found.setdefault(stand, [])
            if seed not in seeds:
                seeds.append(seed)
    return tuple(replace(stand, seeds=tuple(seeds)) for stand, seeds in found.items())


def _stands_of(directory: RunDirectory) -> Iterator[Stand]:
    """One of each attempt between which something changed, seeds left open."""
    environment = directory.environment()
    for attempt in [*environment.get("earlier", []), environment]:
        yield Stand(
            seeds=(),
            processor=attempt["hardware"]["cpu"],
            cores=attempt["hardware"]["cores"],
            gpus=tuple(attempt["hardware"]["gpu"]),
            device=attempt["device"],
            threads=attempt["threads"],
            deterministic=attempt["deterministic"],
            python=attempt["versions"]["python"],
            torch=attempt["versions"]["torch"],
            commit=attempt["commit"],
            uncommitted=tuple(_uncommitted(attempt)),
        )


def _uncommitted(environment: Mapping[str, Any]) -> list[str]:
    """The files that differed from the commit, but for prose and recorded results, which no run reads."""
    files = {*_DIFF.findall(environment["diff"] or ""), *(environment["untracked"] or ())}
    recorded = tuple(f"{path}/" for path in RECORDED)
    return sorted(file for file in files if not (file.endswith(".md") or file.startswith(recorded)))
