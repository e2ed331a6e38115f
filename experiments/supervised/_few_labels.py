"""What the experiments on few labels share: as many of each class, and a backbone that begins with another task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from experiments.supervised import _classifiers
from lab.backbones import ConvolutionConfig, InceptionConfig, MLPConfig, ResidualConfig
from lab.data import load
from lab.data.splits import few
from lab.experiment import Compared
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.transfer import TransferConfig, arms
from supervised.classifier import ClassifierConfig

LABELS = (50, 150, 500, 1_500, 5_000)
UPDATES = 600


@dataclass(frozen=True, kw_only=True)
class Problem(_classifiers.Problem):
    """The settings that all of them have, shared by their arms but for labels and transfer."""

    data: Literal["mnist", "fashion_mnist"]
    labels: int = 500  # training images, as many of each class
    backbone: ConvolutionConfig | ResidualConfig | InceptionConfig | MLPConfig
    transfer: TransferConfig
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=cosine(1.0, 0.0, UPDATES))
    )
    batch_size: int = 50  # examples
    run: RunConfig = RunConfig(steps=UPDATES, log_every=100, evaluate_every=300, save_every=300, threads=1)


P = TypeVar("P", bound=Problem)


def by_labels(config: P) -> dict[str, P]:
    """From scratch, frozen and learning on, each with each number of labels."""
    return {
        f"{name}-{labels}": replace(config, labels=labels, transfer=transfer)
        for name, transfer in arms(config.transfer).items()
        for labels in LABELS
    }


def fit(config: Problem, seeds: Seeds) -> Fit:
    """The trial: a classifier on a backbone x batches of the labelled images, judged on the 10,000 test images."""
    device = config.run.torch_device()
    published = load(config.data).to(device)
    assert published.test is not None
    training = few(published.train, config.labels, seeds.derive("labels"))
    return _classifiers.fit(
        config, training, {"test": published.test}, published.classes, seeds, transfer=config.transfer, show=False
    )


COMPARED = Compared(
    metrics=("eval/test_accuracy",),
    steps=UPDATES,
    protocol="accuracy on the 10,000 test images, last weights after 600 updates of 50 examples; each seed draws "
    "labels of its own, and of two arms of one seed the smaller draw lies in the larger",
)

SMALLEST = ConvolutionConfig(channels=(4, 4), pooling="max", batch_norm=True, readout="average")
SMOKE_RUN = RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1)
