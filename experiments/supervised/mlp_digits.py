"""A multi-layer perceptron names handwritten digits (8x8, scikit-learn's).

1,797 images, split 60/20/20 into training, development and test by a seed of the split's own. Settings were chosen on
the development part.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._classifiers import fit
from experiments.supervised._digits import Problem, parts
from lab.backbones import MLPConfig
from lab.data.catalogue import NUMERALS
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import Schedule
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of mlp_digits."""

    backbone: MLPConfig = MLPConfig(widths=(256, 256), dropout=0.3)
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=Schedule(kind="cosine", steps=3_000)
        ),
        label_smoothing=0.05,
    )
    run: RunConfig = RunConfig(steps=3_000, log_every=100, evaluate_every=500, save_every=1_000, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training images, judged on development and test images."""
    return fit(config, *parts(config), NUMERALS, seeds)


TARGET = Target(
    metric="eval/test_accuracy",
    at_least=0.965,
    steps=3_000,
    statistic="mean",
    protocol="accuracy on the 20 % of the images that split seed 0 keeps for testing, last weights, mean over 5 seeds",
    source="the lab's own bound: no published number for this split of scikit-learn's digits is known to us",
)

SMOKE = Config(
    backbone=MLPConfig(widths=(16,), dropout=0.3),
    batch_size=16,
    run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, threads=1),
)
