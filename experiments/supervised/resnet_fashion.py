"""A residual network of fewer than a million parameters names pieces of clothing (Fashion-MNIST).

Two blocks each at 28 x 28, 14 x 14 and 7 x 7 pixels: 80.5 million multiplications an image, which take a GPU half a
minute for all epochs and a processor's core hours. Each test image is judged together with its mirror image.

Sources: He et al. 2016, "Deep residual learning for image recognition", section 4.2, twice as wide; Zhong et al. 2017,
"Random erasing data augmentation".
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._images import Problem, fit
from lab.backbones import ResidualConfig
from lab.data import compose, crop, erase, flip, load
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import Schedule
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of resnet_fashion: 696,042 parameters with the head."""

    backbone: ResidualConfig = ResidualConfig(channels=(32, 64, 128), blocks=2)
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw",
            learning_rate=4e-3,
            weight_decay=0.05,
            decay=Schedule(kind="linear", steps=14_040, warmup_steps=2_800),
        ),
        label_smoothing=0.1,
        mirror=True,
    )
    crop: int = 2  # pixels that a training image is widened by on every side before it is cut anew
    erased: float = 0.5  # share of the training images that lose a rectangle
    run: RunConfig = RunConfig(steps=14_040, log_every=468, evaluate_every=2_808, save_every=2_808)  # 30 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of mirrored and cropped training images, judged on the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    augment = compose(flip(), crop(config.crop), erase(config.erased))
    return fit(published, config, seeds, augment)


TARGET = Target(
    metric="eval/test_accuracy",
    at_least=0.945,
    steps=14_040,
    statistic="mean",
    seeds=3,
    protocol="accuracy on the 10,000 test images, each with its mirror image (mean of the logits), last weights after "
    "30 epochs, no choice by test accuracy; 3 seeds",
    source="README of zalandoresearch/fashion-mnist: DenseNet-BC of 768,000 parameters, 0.954",
    published=0.954,
    needs="a GPU, or 4 hours a seed on one core",
)

SMOKE = Config(
    backbone=ResidualConfig(channels=(16, 16), blocks=(0, 1), stem_stride=2),
    batch_size=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
