"""A multi-layer perceptron names pieces of clothing (Fashion-MNIST)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._images import Problem, fit
from lab.backbones import MLPConfig
from lab.data import load
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of mlp_fashion. The widths are those of the published number."""

    backbone: MLPConfig = MLPConfig(widths=(256, 128, 100), dropout=0.2)
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=1e-3, weight_decay=0.01, decay=cosine(1.0, 0.0, 14_000, warmup_steps=200)
        )
    )
    run: RunConfig = RunConfig(steps=14_000, log_every=500, evaluate_every=2_000, save_every=7_000)  # 30 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of the 60,000 training images, judged on the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    return fit(published, config, seeds)


TARGET = Target(
    metric="eval/test_accuracy",
    at_least=0.883,
    steps=14_000,
    statistic="mean",
    seeds=5,
    protocol="accuracy on the 10,000 test images, last weights after 30 epochs, no choice by test accuracy; 5 seeds",
    source="README of zalandoresearch/fashion-mnist: MLP 256-128-100, 0.8833",
    published=0.8833,
)

SMOKE = Config(
    backbone=MLPConfig(widths=(16,), dropout=0.2),
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
