"""A spam filter on bags of words: a linear classifier tells unwanted text messages from the others (SMS Spam).

Spam is the positive class. What passes for spam and is none is the dearer mistake: the weighted error counts it ten
times. Settings were chosen by cross-validation within the training part.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._spam import PUBLISHED, Problem, parted
from lab.backbones import MLPConfig
from lab.data import Batches
from lab.data.bag_of_words import BagOfWordsConfig, bag_of_words
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig
from supervised.pictures import confusion


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of spam_words."""

    words: BagOfWordsConfig = BagOfWordsConfig(weighting="tfidf")
    backbone: MLPConfig = MLPConfig(widths=())  # no layer below the outputs: as linear as the published one
    classifier: ClassifierConfig = ClassifierConfig(
        # High rates suit inputs of length 1 of which most entries are 0.
        optimizer=OptimizerConfig(kind="nesterov", learning_rate=10.0, l2=1e-5, decay=cosine(1.0, 0.0, 1_000)),
        scores=("precision", "recall", "f1", "mcc"),
        costs=((0.0, 10.0), (1.0, 0.0)),  # of ham: right, blocked; of spam: let through, right
    )
    batch_size: int = 64  # messages
    run: RunConfig = RunConfig(steps=1_000, log_every=50, evaluate_every=250, save_every=500, device="cpu", threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training messages, judged on training and test messages."""
    device, parts = config.run.torch_device(), parted(config)
    judged = {name: part.to(device) for name, part in zip(parts, bag_of_words(config.words, *parts.values()))}
    training, test = judged["train"], judged["test"]
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    classifier = Classifier(config.classifier, backbone, 2, seeds, device)
    batches = Batches(training, config.batch_size, seeds.child("batches"))
    return Fit(
        classifier, batches, judged,
        show=lambda: {"confusion": confusion(classifier, test, ("ham", "spam"))},
    )  # fmt: skip


TARGET = PUBLISHED

SMOKE = Config(
    words=BagOfWordsConfig(least=5),
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, device="cpu", threads=1),
)
