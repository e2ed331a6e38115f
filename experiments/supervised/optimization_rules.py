"""What the rule of descent does, from SGD to AdamW (digits).

All arms make as many updates on the same batches of scikit-learn's digits from the same first weights, at a constant
learning rate: of 1e-4, 3e-4, 1e-3, ..., 1 the one with the least development loss, by a few seeds (100 and up) that are
not those reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._optimization import SMALL, Problem, compared, fit, optimised
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of optimization_rules, which all arms share but for the rule, its learning rate and AdamW's decay."""

    run: RunConfig = RunConfig(steps=1_000, log_every=20, evaluate_every=50, save_every=500, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Six rules, each with its rate."""
    return {
        "sgd": optimised(config, kind="sgd", learning_rate=0.3),
        "momentum": optimised(config, kind="momentum", learning_rate=0.1),
        "nesterov": optimised(config, kind="nesterov", learning_rate=0.1),
        "rmsprop": optimised(config, kind="rmsprop", learning_rate=3e-3),
        "adam": optimised(config, kind="adam", learning_rate=3e-3),
        "adamw": optimised(config, kind="adamw", learning_rate=3e-3, weight_decay=0.1),
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training images."""
    return fit(config, seeds)


TARGET = None  # a comparison
COMPARED = compared(1_000)

SMOKE = Config(backbone=SMALL, run=RunConfig(steps=60, log_every=10, evaluate_every=20, save_every=10, threads=1))
