"""The verdict on a target: does the statistic over seeds reach the bound, and how sure is that?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.experiment import Bound, Target
from lab.statistics import bootstrap_interval, interquartile_mean
from lab.words import number, plain


@dataclass(frozen=True)
class Verdict:
    """Whether an experiment reaches its target."""

    experiment: str
    passed: bool
    word: str  # pass, fail, or open where too few seeds have finished
    value: float | None  # the statistic over seeds
    low: float | None  # its 95 % bootstrap interval
    high: float | None
    scores: dict[int, float]  # by seed
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """For `lab verify --json`; a bound that is infinite, as of one seed, is null there."""
        interval = [bound if bound is not None and math.isfinite(bound) else None for bound in (self.low, self.high)]
        return {
            "experiment": self.experiment, "verdict": self.word, "passed": self.passed, "value": self.value,
            "interval": interval, "scores": {str(seed): score for seed, score in self.scores.items()},
            "sentence": self.sentence,
        }  # fmt: skip


def judge(
    target: Target,
    experiment: str,
    scores: Mapping[int, float],
    beside: Mapping[str, Mapping[int, float]] | None = None,
) -> Verdict:
    """Holds scores by seed to a target, and `beside` by metric and seed to its further bounds.

    Fewer seeds than the target asks for give no verdict.
    """
    if len(scores) < target.seeds:
        sentence = f"{len(scores)} of {target.seeds} seeds have a score, so there is no verdict yet; "
        sentence += f"the target is {statistic_of(target)} {_bound(target)}."
        return Verdict(experiment, False, "open", None, None, None, dict(scores), sentence)
    interval = bootstrap_interval(list(scores.values()), interquartile_mean if target.statistic == "iqm" else np.mean)
    beside = beside or {}
    reasons = shortfalls(target, interval.estimate, scores, beside)
    between = f"[{interval.low:.4g}, {interval.high:.4g}]"
    sentence = f"{statistic_of(target)} {interval.estimate:.4g} {between} over {len(scores)} seeds"
    sentence += f"; the target is {_bound(target)}"
    if target.each_seed_at_least is not None:
        worst = min(scores, key=lambda seed: scores[seed])
        sentence += (
            f" and no seed below {target.each_seed_at_least:g} (the lowest is seed {worst} with {scores[worst]:.4g})"
        )
    for bound in target.beside:
        sentence += f"; {bound.metric} mean {mean_beside(bound, scores, beside):.4g}, the target is {bound.said}"
    if target.published is not None:
        sentence += f"; published: {target.published:g}"
    word = "fail" if reasons else "pass"
    return Verdict(
        experiment, not reasons, word, interval.estimate, interval.low, interval.high, dict(scores), sentence + "."
    )


def score_within(
    steps: Sequence[int] | np.ndarray, values: Sequence[float] | np.ndarray, budget: int | None
) -> tuple[int, float] | None:
    """The first of the rising `steps` at the budget (or the last of all) and its value; None if that is not finite.

    Up to one per cent beyond the budget counts as at it: parallel environments overshoot by up to a round. Without a
    judgement there is no score: neither an earlier nor a later one stands for it.
    """
    place = len(steps) - 1 if budget is None else bisect_left(steps, budget)
    if not 0 <= place < len(steps) or (budget is not None and steps[place] > 1.01 * budget):
        return None
    return (int(steps[place]), float(values[place])) if math.isfinite(values[place]) else None


def judged_row(rows: Sequence[Mapping[str, Any]], target: Target) -> Mapping[str, Any] | None:
    """The row of a run's metrics.jsonl that holds its score, at the target's budget; None where it has no score."""
    return row_at(rows, target.metric, target.steps)


def row_at(rows: Sequence[Mapping[str, Any]], metric: str, step: int) -> Mapping[str, Any] | None:
    """The row in which the metric was judged at a step, see `score_within`; None where it has no finite value there."""
    judged = [row for row in rows if metric in row]
    values = [math.nan if row[metric] is None else row[metric] for row in judged]
    found = score_within([row["step"] for row in judged], values, step)
    return None if found is None else next(row for row in judged if row["step"] == found[0])


def row_near(rows: Sequence[Mapping[str, Any]], metric: str, step: int) -> Mapping[str, Any] | None:
    """The row of a step, or else the last before it, or else the first after it, of those with a finite value."""
    judged = [row for row in rows if row.get(metric) is not None]
    before = [row for row in judged if row["step"] <= step]
    return row_at(rows, metric, step) or (before[-1] if before else next(iter(judged), None))


def values_beside(row: Mapping[str, Any], target: Target) -> dict[str, float]:
    """The target's further metrics in the row that holds the score; one that is not there, or not finite, is NaN."""
    found = {bound.metric: row.get(bound.metric) for bound in target.beside}
    return {metric: math.nan if value is None else float(value) for metric, value in found.items()}


def mean_beside(bound: Bound, scores: Mapping[int, float], beside: Mapping[str, Mapping[int, float]]) -> float:
    """The mean of a further metric over the seeds that have a score; NaN where one of them lacks it."""
    values = beside.get(bound.metric, {})
    return float(np.mean([values.get(seed, math.nan) for seed in scores]))


def shortfalls(
    target: Target,
    value: float,
    scores: Mapping[int, float],
    beside: Mapping[str, Mapping[int, float]],
) -> tuple[str, ...]:
    """What of a target is missed, by the statistic over seeds, a seed alone or a further metric; empty if it is met."""
    reasons = []
    if target.at_least is not None and value < target.at_least:
        reasons.append(f"{statistic_of(target)} {_apart(value, target.at_least)} is below {plain(target.at_least)}")
    if target.at_most is not None and value > target.at_most:
        reasons.append(f"{statistic_of(target)} {_apart(value, target.at_most)} is above {plain(target.at_most)}")
    least = target.each_seed_at_least
    below = {seed: score for seed, score in scores.items() if least is not None and score < least}
    if below and least is not None:
        worst = min(below, key=lambda seed: below[seed])
        who = f"seed {worst} is" if len(below) == 1 else f"{len(below)} seeds are"
        lowest = "at" if len(below) == 1 else f"the lowest, seed {worst}, at"
        reasons.append(f"{who} below {plain(least)}: {lowest} {_apart(below[worst], least)}")
    for bound in target.beside:
        mean = mean_beside(bound, scores, beside)
        if not bound.holds(mean):
            reasons.append(f"{bound.metric} is {number(mean)}, not {bound.said}")
    return tuple(reasons)


def statistic_of(target: Target) -> str:
    """The statistic's name in a sentence."""
    return "IQM" if target.statistic == "iqm" else "mean"


def _bound(target: Target) -> str:
    return f"at least {target.at_least:g}" if target.at_least is not None else f"at most {target.at_most:g}"


def _apart(value: float, bound: float) -> str:
    """The value with as many digits as tell it from the bound: 474.99 is not to be read as 475."""
    return number(value) if float(f"{value:.4g}") != bound else f"{value:.10g}"
