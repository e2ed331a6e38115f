"""Handwritten digits from 50 to 5,000 labels: from scratch, on a frozen backbone, and on one that learns on.

Without --from there are only the arms from scratch. `--from RUN` takes the backbone of any run that saw pictures of
28 x 28, its settings with it:

    lab run cnn_fashion
    lab run few_labels --from cnn_fashion --seeds 0-4 --jobs 2 --report

Each seed draws labels of its own, as many of each class; of two arms of one seed the smaller draw lies in the larger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lab.backbones import ConvolutionConfig, MLPConfig, ResidualConfig
from lab.data import Batches, load
from lab.data.splits import few
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.transfer import TransferConfig, arms, transferred
from supervised.classifier import Classifier, ClassifierConfig

LABELS = (50, 150, 500, 1_500, 5_000)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of few_labels, which all arms share but for labels and transfer."""

    data: Literal["mnist", "fashion_mnist"] = "mnist"
    labels: int = 500  # training images, as many of each class
    backbone: ConvolutionConfig | ResidualConfig | MLPConfig = ConvolutionConfig(
        channels=(32, 64, 64), pooling=("max", "max", "none"), batch_norm=True, readout="average"
    )
    transfer: TransferConfig = TransferConfig()
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=cosine(1.0, 0.0, 600))
    )
    batch_size: int = 50  # examples
    run: RunConfig = RunConfig(steps=600, log_every=100, evaluate_every=300, save_every=300, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """From scratch with each number of labels; and, with a backbone to begin with, frozen and learning on."""
    return {
        f"{name}-{labels}": replace(config, labels=labels, transfer=transfer)
        for name, transfer in arms(config.transfer).items()
        for labels in LABELS
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier on a backbone x batches of the labelled images, judged on the 10,000 test images."""
    device = config.run.torch_device()
    published = load(config.data).to(device)
    assert published.test is not None
    training = few(published.train, config.labels, seeds.derive("labels"))
    with seeds.initialising("backbone"):
        begun = config.backbone.build(tuple(training.inputs.shape[1:]))
    backbone = transferred(begun, config.transfer, seeds)
    classifier = Classifier(config.classifier, backbone, len(published.classes), seeds, device)
    batches = Batches(training, config.batch_size, seeds.child("batches"))
    return Fit(classifier, batches, {"test": published.test})


TARGET = None  # a comparison: the curve of accuracy against labels

SMOKE = Config(
    backbone=ConvolutionConfig(channels=(4, 4), pooling="max", batch_norm=True, readout="average"),
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
