"""Taught by pictures from the catalogue (Fashion-MNIST), judged on tilted and bent ones: what is lost, and what is due.

Of the catalogue a fiftieth is held out (train_dev); development and test pictures come from the target distribution,
where every picture is turned, zoomed and distorted, by a seed of the data's own. What is worse on train_dev than on
what was trained on is variance; what is worse on dev than on train_dev is due to the distributions. The second arm
learns from pictures that go through such changes themselves, drawn anew in every batch.

Source: Ng 2018, "Machine learning yearning", chapters 40 and 41.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised import _classifiers
from lab.backbones import ConvolutionConfig
from lab.data import AugmentConfig, Dataset, load, target_split
from lab.experiment import Compared
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig

UPDATES = 2_340  # five epochs
TARGET_DISTRIBUTION = AugmentConfig(rotate=30.0, zoom=1.3, distort=1.5)


@dataclass(frozen=True, kw_only=True)
class Config(_classifiers.Problem):
    """Settings of mismatch_fashion, which both arms share but for the augmentation."""

    target: AugmentConfig = TARGET_DISTRIBUTION  # what every picture of the target distribution went through, once
    augment: AugmentConfig = AugmentConfig()  # what those that are trained on go through, in each batch anew
    train_dev: float = 0.02  # share of the catalogue that is held out
    data_seed: int = 0  # of the parts, and of how the target distribution's pictures were changed
    backbone: ConvolutionConfig = ConvolutionConfig(
        channels=(16, 32, 32), pooling=("max", "max", "none"), batch_norm=True, initialisation="he", readout="flatten"
    )
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-3, weight_decay=0.01, decay=cosine(1.0, 0.0, UPDATES))
    )
    batch_size: int = 128  # examples
    run: RunConfig = RunConfig(steps=UPDATES, log_every=234, evaluate_every=468, save_every=468, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """By the catalogue as it is, and by pictures changed as the target distribution's are."""
    return {"catalogue": config, "augmented": replace(config, augment=config.target)}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of the catalogue, judged on both distributions."""
    published = load("fashion_mnist").to(config.run.torch_device())
    assert published.test is not None
    target = changed(published.test, config.target, config.data_seed)
    parts = target_split(published.train, target, train_dev=config.train_dev, seed=config.data_seed, stratified=True)
    training = parts.pop("train")
    augment = config.augment.augment()
    mix = config.augment.mix(len(published.classes))
    return _classifiers.fit(config, training, parts, published.classes, seeds, augment, mix=mix)


def changed(dataset: Dataset, how: AugmentConfig, seed: int) -> Dataset:
    """The examples, each changed once; drawn on the host, so that all devices see the same ones."""
    augment = how.augment()
    if augment is None:
        return dataset
    inputs = augment(dataset.inputs.cpu(), Seeds(seed).generator("target"))
    return Dataset(inputs.to(dataset.inputs.device), dataset.labels)


TARGET = None  # a comparison: both arms on both distributions
COMPARED = Compared(
    metrics=("eval/train_dev_accuracy", "eval/dev_accuracy", "eval/test_accuracy"),
    steps=UPDATES,
    protocol="accuracy on 1,200 pictures of the catalogue and on 5,000 and 5,000 of the target distribution, last "
    "weights after five epochs",
)

SMOKE = Config(
    target=AugmentConfig(rotate=30.0, crop=1),  # to distort ten thousand pictures takes a second
    backbone=ConvolutionConfig(channels=(2,), pooling="max", pool_size=4),
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
