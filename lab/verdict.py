"""The verdict on a target: does the statistic over seeds reach the bound, and how sure is that?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.experiment import Target
from lab.statistics import bootstrap_interval, interquartile_mean


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


def judge(target: Target, experiment: str, scores: Mapping[int, float]) -> Verdict:
    """Holds scores by seed to a target. Fewer seeds than the target asks for give no verdict."""
    values = np.array(list(scores.values()))
    name = {"iqm": "IQM", "mean": "mean"}[target.statistic]
    bound = f"at least {target.at_least:g}" if target.at_least is not None else f"at most {target.at_most:g}"
    if len(values) < target.seeds:
        sentence = f"{len(values)} of {target.seeds} seeds have a score, so there is no verdict yet; "
        sentence += f"the target is {name} {bound}."
        return Verdict(experiment, False, "open", None, None, None, dict(scores), sentence)
    statistic = interquartile_mean if target.statistic == "iqm" else np.mean
    interval = bootstrap_interval(values, statistic)
    value = interval.estimate
    reached = value >= target.at_least if target.at_least is not None else value <= (target.at_most or 0.0)
    sentence = (
        f"{name} {value:.4g} [{interval.low:.4g}, {interval.high:.4g}] over {len(values)} seeds; the target is {bound}"
    )
    if target.each_seed_at_least is not None:
        worst = min(scores, key=lambda seed: scores[seed])
        reached = reached and scores[worst] >= target.each_seed_at_least
        sentence += (
            f" and no seed below {target.each_seed_at_least:g} (the lowest is seed {worst} with {scores[worst]:.4g})"
        )
    if target.published is not None:
        sentence += f"; published: {target.published:g}"
    return Verdict(
        experiment,
        reached,
        "pass" if reached else "fail",
        value,
        interval.low,
        interval.high,
        dict(scores),
        sentence + ".",
    )
