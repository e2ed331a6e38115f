"""What the optimization_ experiments share: one problem, so that only how it is learnt differs.

A perceptron names scikit-learn's digits, with the 60/20/20 split of mlp_digits. Whatever was chosen for an arm
(learning rates above all) was chosen on the development part; the test part is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch

from lab.backbones import MLPConfig
from lab.data import Batches, digits, rotate, split
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from supervised.classifier import Classifier, ClassifierConfig

P = TypeVar("P", bound="Problem")
SMALL = MLPConfig(widths=(8,))  # for the smallest versions


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    backbone: MLPConfig = MLPConfig(widths=(64, 64))
    classifier: ClassifierConfig = ClassifierConfig()
    training_images: int = 1_078  # of the training part, which has no more
    batch_size: int = 64  # examples
    rotation: float = 0.0  # degrees that a training image turns at most, each way
    stopping: StoppingConfig = StoppingConfig()
    split_seed: int = 0  # which images are training, development and test
    run: RunConfig


def fit(config: Problem, seeds: Seeds, unit: Literal["updates", "examples"] = "updates") -> Fit:
    """The trial: a classifier x batches of training images, judged on test and development images."""
    device = config.run.torch_device()
    training, development, test = (part.to(device) for part in split(digits(), (0.6, 0.2, 0.2), config.split_seed))
    if not 1 <= config.training_images <= len(training):
        raise ValueError(
            f"training_images is {config.training_images}, but the training part has {len(training)}. "
            f"Choose from 1 to {len(training)}."
        )
    training = training.subset(torch.arange(config.training_images, device=device))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    classifier = Classifier(config.classifier, backbone, 10, seeds, device)
    augment = rotate(config.rotation) if config.rotation else None
    batches = Batches(training, config.batch_size, seeds.child("batches"), augment=augment)
    return Fit(classifier, batches, {"test": test, "dev": development}, unit=unit, stopping=config.stopping)


def optimised(config: P, **changes: Any) -> P:
    """The config with some settings of its optimiser changed."""
    classifier = config.classifier
    return replace(config, classifier=replace(classifier, optimizer=replace(classifier.optimizer, **changes)))
