"""What the first weights do to five hidden layers (digits).

Plain descent on the same batches at 0.1, of 0.03, 0.1 and 0.3 the rate with the least development loss of the best arm
(two seeds from 100 up). With weights that are too large it diverges within a few updates, as 0.01 does: that arm has
1e-4, its best of 1e-6, 1e-5, ..., 0.1. The layers become narrower from 128 to 32 units, as with equal widths `xavier`
would be `fan_in`. Initialisations are of the hidden layers; the output layer is torch's own in all arms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._optimization import SMALL, Problem, compared, fit, optimised
from lab.backbones import Initialisation, MLPConfig
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of optimization_initialisations, which all arms share but for first weights and learning rate."""

    backbone: MLPConfig = MLPConfig(widths=(128, 96, 64, 48, 32))
    classifier: ClassifierConfig = ClassifierConfig(optimizer=OptimizerConfig(kind="sgd"))
    run: RunConfig = RunConfig(steps=800, log_every=20, evaluate_every=40, save_every=400, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Six initialisations, five of them at one rate."""
    rates: dict[Initialisation, float] = {
        "torch": 0.1,
        "fan_in": 0.1,
        "xavier": 0.1,
        "he": 0.1,
        "zeros": 0.1,
        "large": 1e-4,
    }
    return {
        name: replace(optimised(config, learning_rate=rate), backbone=replace(config.backbone, initialisation=name))
        for name, rate in rates.items()
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training images."""
    return fit(config, seeds)


TARGET = None  # a comparison
COMPARED = compared(800)

SMOKE = Config(backbone=SMALL, run=RunConfig(steps=60, log_every=10, evaluate_every=20, save_every=10, threads=1))
