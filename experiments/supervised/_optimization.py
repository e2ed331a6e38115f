"""What the optimization_ experiments share: one problem, so that only how it is learnt differs.

A perceptron names scikit-learn's digits, with the 60/20/20 split of mlp_digits. Whatever was chosen for an arm
(learning rates above all) was chosen on the development part; the test part is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch

from experiments.supervised import _classifiers, _digits
from lab.backbones import MLPConfig
from lab.data import rotate
from lab.data.catalogue import NUMERALS
from lab.experiment import Compared
from lab.fit import Fit
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from supervised.classifier import ClassifierConfig

P = TypeVar("P", bound="Problem")
SMALL = MLPConfig(widths=(8,))  # for the smallest versions


@dataclass(frozen=True, kw_only=True)
class Problem(_digits.Problem):
    """The settings that all of them have."""

    backbone: MLPConfig = MLPConfig(widths=(64, 64))
    classifier: ClassifierConfig = ClassifierConfig()
    training_images: int = 1_078  # of the training part, which has no more
    rotation: float = 0.0  # degrees that a training image turns at most, each way
    stopping: StoppingConfig = StoppingConfig()


def fit(config: Problem, seeds: Seeds, unit: Literal["updates", "examples"] = "updates") -> Fit:
    """The trial: a classifier x batches of training images, judged on test and development images."""
    training, judged = _digits.parts(config)
    if not 1 <= config.training_images <= len(training):
        raise ValueError(
            f"training_images is {config.training_images}, but the training part has {len(training)}. "
            f"Choose from 1 to {len(training)}."
        )
    training = training.subset(torch.arange(config.training_images, device=training.inputs.device))
    augment = rotate(config.rotation) if config.rotation else None
    return _classifiers.fit(
        config, training, judged, NUMERALS, seeds, augment, show=False, unit=unit, stopping=config.stopping
    )


def compared(steps: int | None, weights: str = "last weights") -> Compared:
    """What the arms are compared by, after so many steps; none: each after its own."""
    return Compared(
        metrics=("eval/test_accuracy", "eval/test_loss"),
        lower=("eval/test_loss",),
        steps=steps,
        protocol="accuracy and cross-entropy on the 20 % of scikit-learn's digits that split seed 0 keeps for testing, "
        + weights,
    )


def optimised(config: P, **changes: Any) -> P:
    """The config with some settings of its optimiser changed."""
    classifier = config.classifier
    return replace(config, classifier=replace(classifier, optimizer=replace(classifier.optimizer, **changes)))
