"""Logistic regression tells benign from malignant tumours, by gradient descent: as well as scikit-learn's optimum.

Two softmax outputs with weights w0 and w1 answer as one logistic output with w = w1 - w0 does. Their penalty
l2 / 2 (|w0|^2 + |w1|^2) is least where w1 = -w0 = w / 2, and there it is l2 / 4 |w|^2; scikit-learn's C makes it
|w|^2 / (2 C N) beside the mean loss of N examples. So the optimum is that of C = 2 / (N l2), biases without penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.backbones import MLPConfig
from lab.data import Batches, breast_cancer, split
from lab.data.splits import SMALL, normalised
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of logistic_breast_cancer."""

    backbone: MLPConfig = MLPConfig(widths=())  # no layer below the outputs
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="nesterov", learning_rate=0.3, momentum=0.95, l2=0.01)
    )
    split_seed: int = 0  # which tumours are training, development and test
    run: RunConfig = RunConfig(steps=1_500, log_every=100, evaluate_every=500, save_every=500, device="cpu", threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x the whole training set at every update."""
    device = config.run.torch_device()
    parts = split(breast_cancer(), SMALL, config.split_seed)
    training, development, test = normalised(*(part.to(device) for part in parts))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    classifier = Classifier(config.classifier, backbone, 2, seeds, device)
    batches = Batches(training, len(training), seeds.child("batches"))
    return Fit(classifier, batches, {"train": training, "dev": development, "test": test})


OPTIMUM = 0.095957861563  # scikit-learn's objective on the training part, in double precision; a test works it out anew

TARGET = Target(
    metric="eval/train_objective",
    at_most=OPTIMUM * (1 + 1e-6),
    steps=1_500,
    statistic="mean",
    seeds=5,
    protocol="mean loss and penalty on the 60 % of the tumours that split seed 0 keeps for training, last weights",
    source="scikit-learn's LogisticRegression with the same penalty on the same tumours, in double precision",
    published=OPTIMUM,
)

SMOKE = Config(run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1))
