"""Handwritten digits from 50 to 5,000 labels: from scratch, on a frozen backbone, and on one that learns on.

It begins with what seed 0 of cnn_fashion learnt, which came with the lab. `--from RUN` takes the backbone of any other
run that saw pictures of 28 x 28, its settings with it:

    lab run mlp_fashion
    lab run few_labels --from mlp_fashion --seeds 0-4 --jobs 2 --report

Each seed draws labels of its own, as many of each class; of two arms of one seed the smaller draw lies in the larger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from experiments.supervised import _classifiers
from generative.features import BACKBONE, SHA256, WEIGHTS
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
class Config(_classifiers.Problem):
    """Settings of few_labels, which all arms share but for labels and transfer."""

    data: Literal["mnist", "fashion_mnist"] = "mnist"
    labels: int = 500  # training images, as many of each class
    backbone: ConvolutionConfig | ResidualConfig | InceptionConfig | MLPConfig = BACKBONE
    transfer: TransferConfig = TransferConfig(weights=str(WEIGHTS), sha256=SHA256)
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=cosine(1.0, 0.0, UPDATES))
    )
    batch_size: int = 50  # examples
    run: RunConfig = RunConfig(steps=UPDATES, log_every=100, evaluate_every=300, save_every=300, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """From scratch, frozen and learning on, each with each number of labels."""
    return {
        f"{name}-{labels}": replace(config, labels=labels, transfer=transfer)
        for name, transfer in arms(config.transfer).items()
        for labels in LABELS
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier on a backbone x batches of the labelled images, judged on the 10,000 test images."""
    published = load(config.data).to(config.run.torch_device())
    assert published.test is not None
    training, judged = few(published.train, config.labels, seeds.derive("labels")), {"test": published.test}
    return _classifiers.fit(config, training, judged, published.classes, seeds, transfer=config.transfer, show=False)


TARGET = None  # a comparison: the curve of accuracy against labels
COMPARED = Compared(
    metrics=("eval/test_accuracy",),
    steps=UPDATES,
    protocol="accuracy on the 10,000 test images of MNIST, last weights after 600 updates of 50 examples, on the "
    "backbone of cnn_fashion, seed 0; each seed draws labels of its own",
)

# From scratch alone: the weights fit no smaller backbone.
SMOKE = Config(
    backbone=ConvolutionConfig(channels=(4, 4), pooling="max", batch_norm=True, readout="average"),
    transfer=TransferConfig(),
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
