"""Handwritten digits from 50 to 5,000 labels: from scratch, on a frozen backbone, and on one that learns on.

It begins with what seed 0 of cnn_fashion learnt, which came with the lab. `--from RUN` takes the backbone of any other
run that saw pictures of 28 x 28, its settings with it:

    lab run cnn_fashion
    lab run few_labels --from cnn_fashion --seeds 0-4 --jobs 2 --report
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.supervised import _few_labels
from experiments.supervised._few_labels import SMALLEST, SMOKE_RUN, Problem, by_labels
from generative.features import BACKBONE, SHA256, WEIGHTS
from lab.backbones import ConvolutionConfig, InceptionConfig, MLPConfig, ResidualConfig
from lab.fit import Fit
from lab.seeding import Seeds
from lab.transfer import TransferConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of few_labels, which all arms share but for labels and transfer."""

    data: Literal["mnist", "fashion_mnist"] = "mnist"
    backbone: ConvolutionConfig | ResidualConfig | InceptionConfig | MLPConfig = BACKBONE
    transfer: TransferConfig = TransferConfig(weights=str(WEIGHTS), sha256=SHA256)


def variants(config: Config) -> dict[str, Config]:
    """From scratch, frozen and learning on, each with each number of labels."""
    return by_labels(config)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier on a backbone x batches of the labelled images, judged on the 10,000 test images."""
    return _few_labels.fit(config, seeds)


TARGET = None  # a comparison: the curve of accuracy against labels
COMPARED = _few_labels.COMPARED

# From scratch alone: the weights fit no smaller backbone.
SMOKE = Config(backbone=SMALLEST, transfer=TransferConfig(), run=SMOKE_RUN)
