"""A small convolutional network names handwritten digits (8x8, scikit-learn's).

The same images and the same 60/20/20 split as in mlp_digits. Training images are shifted by up to one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._classifiers import fit
from experiments.supervised._digits import Problem, parts
from lab.backbones import ConvolutionConfig
from lab.data import shift
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
    """Settings of cnn_digits."""

    backbone: ConvolutionConfig = ConvolutionConfig(
        channels=(32, 64, 64),
        pooling=("none", "max", "none"),
        batch_norm=True,
        dropout=(0.0, 0.1, 0.3),
        initialisation="he",
    )
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=Schedule(kind="cosine", steps=2_000)
        ),
        label_smoothing=0.05,
    )
    shift: int = 1  # pixels that a training image moves at most, each way
    run: RunConfig = RunConfig(steps=2_000, log_every=100, evaluate_every=500, save_every=1_000, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of shifted training images, judged on development and test images."""
    augment = shift(config.shift) if config.shift else None
    return fit(config, *parts(config), NUMERALS, seeds, augment)


TARGET = Target(
    metric="eval/test_accuracy",
    at_least=0.985,
    steps=2_000,
    statistic="mean",
    protocol="accuracy on the 20 % of the images that split seed 0 keeps for testing, last weights, mean over 5 seeds",
    source="the lab's own bound: no published number for this split of scikit-learn's digits is known to us",
)

SMOKE = Config(
    backbone=ConvolutionConfig(channels=(8, 8), batch_norm=True, dropout=(0.0, 0.3)),
    batch_size=16,
    run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, threads=1),
)
