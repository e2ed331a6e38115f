"""What each decay of the learning rate leaves of the noise (digits).

Every kind of lab/schedules.py, by momentum on batches of 16 of scikit-learn's digits, each turned by up to 15 degrees:
no two batches are alike, so at a constant rate the weights never come to rest. All arms but one begin at 0.1, a rate
that learns fast and is too large to end with; that one has 0.3 of it from the first update to the last, which is the
other way out. A horizon is the budget of 1,500 updates.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._optimization import SMALL, Problem, compared, fit, optimised
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import Schedule, by_hand, constant, cosine, linear, staircase
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig

UPDATES = 1_500


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of optimization_decays, which all arms share but for the decay."""

    classifier: ClassifierConfig = ClassifierConfig(optimizer=OptimizerConfig(kind="momentum", learning_rate=0.1))
    batch_size: int = 16
    rotation: float = 15.0
    run: RunConfig = RunConfig(steps=UPDATES, log_every=50, evaluate_every=50, save_every=500, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Seven decays and two constants; a schedule's numbers are shares of the learning rate."""
    decays = {
        "constant": constant(1.0),
        "constant-0.3": constant(0.3),
        "inverse": Schedule(kind="inverse", rate=0.01),
        "inverse-sqrt": Schedule(kind="inverse_sqrt", rate=0.02),
        "exponential": Schedule(kind="exponential", end=0.01, steps=UPDATES),
        "staircase": staircase(1.0, 0.1, UPDATES // 3),
        "linear": linear(1.0, 0.0, UPDATES),
        "cosine": cosine(1.0, 0.0, UPDATES),
        "by-hand": by_hand((0, 1.0), (900, 0.3), (1_300, 0.05)),
    }
    return {name: optimised(config, decay=decay) for name, decay in decays.items()}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of turned training images."""
    return fit(config, seeds)


TARGET = None  # a comparison
COMPARED = compared(UPDATES)

SMOKE = Config(backbone=SMALL, run=RunConfig(steps=60, log_every=10, evaluate_every=20, save_every=10, threads=1))
