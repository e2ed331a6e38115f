"""Holds an arm's scores to its target: the statistic with its interval, and a verdict only where one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lab.experiment import Target
from lab.report.arms import Arm
from lab.report.records import STATISTICS, Curve, Run
from lab.statistics import Interval, bootstrap_interval
from lab.verdict import score_within, shortfalls
from lab.words import count

Verdict = Literal["pass", "fail", "not yet", "no target"]


@dataclass(frozen=True)
class Score:
    """A seed's value of the metric, and the step at which it was taken."""

    step: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an arm scored. `centre` is None where no seed has a score, `interval` where fewer than two have."""

    scores: Mapping[int, Score]  # by seed; those that count
    centre: float | None
    interval: Interval | None
    verdict: Verdict
    reasons: tuple[str, ...]  # why the verdict is fail or not yet


def judge(arm: Arm) -> Result:
    """The result of an arm. Where some seeds reached the target's budget, only those count; else each one's last.

    A seed that diverged has no score: what it was judged as before says nothing of what it came to.
    """
    target = arm.target
    whole = [run for run in arm.runs if run.status.state != "diverged"]
    last = {run.seed: score for run in whole if (score := score_at(run.curves.get(arm.metric), None))}
    scores = last
    if target is not None:
        reached = {
            run.seed: score
            for run in arm.runs
            if run.last_step >= target.steps and (score := score_at(run.curves.get(arm.metric), target.steps))
        }
        scores = reached or last
    values = np.array([score.value for score in scores.values()])
    statistic = STATISTICS[arm.statistic]
    centre = float(statistic(values, axis=0)) if len(values) else None
    interval = bootstrap_interval(values, statistic) if len(values) > 1 else None
    verdict: Verdict = "no target"
    reasons: tuple[str, ...] = ()
    if target is not None:
        verdict, reasons = _verdict(arm.runs, target, scores, centre)
    if len(arm.targets) > 1:
        verdict, reasons = "not yet", ("its seeds were run under different targets",)
    return Result(scores=scores, centre=centre, interval=interval, verdict=verdict, reasons=reasons)


def score_at(curve: Curve | None, budget: int | None) -> Score | None:
    """The score that a curve gives at a budget, or at its end; None where there is none."""
    found = score_within(curve.steps, curve.values, budget) if curve is not None else None
    return Score(*found) if found is not None else None


def bound_of(target: Target) -> float:
    bound = target.at_least if target.at_least is not None else target.at_most
    assert bound is not None  # a Target has exactly one
    return bound


def _verdict(
    runs: tuple[Run, ...], target: Target, scores: Mapping[int, Score], centre: float | None
) -> tuple[Verdict, tuple[str, ...]]:
    unmet = _unmet(runs, target, scores)
    if unmet:
        return "not yet", unmet
    assert centre is not None  # the protocol is met, so there are scores
    beside = {
        bound.metric: {
            run.seed: score.value for run in runs if (score := score_at(run.curves.get(bound.metric), target.steps))
        }
        for bound in target.beside
    }
    reasons = shortfalls(target, centre, {seed: score.value for seed, score in scores.items()}, beside)
    return ("fail" if reasons else "pass"), reasons


def _unmet(runs: tuple[Run, ...], target: Target, scores: Mapping[int, Score]) -> tuple[str, ...]:
    """What of the protocol is not met yet: the budget, the number of seeds, or both."""
    furthest = max(run.last_step for run in runs)
    reasons = []
    if furthest < target.steps:
        reasons.append(f"budget {count(furthest)} of {count(target.steps)} {runs[0].unit}")
        if len(runs) < target.seeds:
            reasons.append(f"{len(runs)} of {target.seeds} seeds")
    elif len(scores) < target.seeds:
        scored = [run for run in runs if run.last_step >= target.steps and run.seed in scores]
        reasons.append(f"{len(scored)} of {target.seeds} seeds")
    return tuple(reasons)
