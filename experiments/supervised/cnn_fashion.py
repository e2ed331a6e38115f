"""A convolutional network of fewer than 100,000 parameters names pieces of clothing (Fashion-MNIST)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._images import Problem, fit
from lab.backbones import ConvolutionConfig
from lab.data import compose, flip, load, shift
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of cnn_fashion: 93,706 parameters with the head."""

    backbone: ConvolutionConfig = ConvolutionConfig(
        channels=(32, 64, 64, 64),
        pooling=("max", "max", "none", "none"),
        batch_norm=True,
        initialisation="he",
        readout="average",
    )
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=4e-3, weight_decay=0.02, decay=cosine(1.0, 0.0, 9_360, warmup_steps=500)
        ),
        label_smoothing=0.05,
    )
    shift: int = 2  # pixels that a training image moves at most, each way
    run: RunConfig = RunConfig(steps=9_360, log_every=234, evaluate_every=2_340, save_every=2_340)  # 20 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of mirrored and shifted training images, judged on the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    augment = compose(flip(), shift(config.shift))
    return fit(published, config, seeds, augment)


TARGET = Target(
    metric="eval/test_accuracy",
    at_least=0.925,
    steps=9_360,
    statistic="mean",
    seeds=5,
    protocol="accuracy on the 10,000 test images, last weights after 20 epochs, no choice by test accuracy; 5 seeds",
    source="README of zalandoresearch/fashion-mnist: two convolutions, fewer than 100,000 parameters, 0.925",
    published=0.925,
)

SMOKE = Config(
    backbone=ConvolutionConfig(channels=(4, 4), pooling="max", batch_norm=True, readout="average"),
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
