"""A multi-layer perceptron tells how diabetes goes on: no worse than linear least squares on the same patients."""

from __future__ import annotations

from dataclasses import dataclass

from lab.backbones import MLPConfig
from lab.data import Batches, diabetes, split
from lab.data.splits import SMALL, normalised
from lab.experiment import Target
from lab.fit import Fit
from lab.normalisation import Normalisation
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.regressor import Regressor, RegressorConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of mlp_diabetes."""

    backbone: MLPConfig = MLPConfig(widths=(64,), dropout=0.5)
    regressor: RegressorConfig = RegressorConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=3e-3, weight_decay=0.1, decay=cosine(1.0, 0.0, 1_000))
    )
    batch_size: int = 32  # examples
    split_seed: int = 0  # which patients are training, development and test
    run: RunConfig = RunConfig(steps=1_000, log_every=100, evaluate_every=250, save_every=500, device="cpu", threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a regressor x batches of training patients, judged on development and test patients."""
    device = config.run.torch_device()
    parts = split(diabetes(), SMALL, config.split_seed)
    training, development, test = normalised(*(part.to(device) for part in parts))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    regressor = Regressor(config.regressor, backbone, Normalisation.fit(training.labels), seeds, device)
    batches = Batches(training, config.batch_size, seeds.child("batches"))
    return Fit(regressor, batches, {"train": training, "dev": development, "test": test})


LEAST_SQUARES = 2823.029784880  # mean squared error of the closed form on the test part; a test works it out anew

TARGET = Target(
    metric="eval/test_mse",
    at_most=LEAST_SQUARES,
    steps=1_000,
    statistic="mean",
    seeds=5,
    protocol="mean squared error on the 20 % of the patients that split seed 0 keeps for testing, last weights",
    source="the closed form: linear least squares fitted to the training patients of the same split",
    published=LEAST_SQUARES,
)

SMOKE = Config(
    backbone=MLPConfig(widths=(8,), dropout=0.5),
    run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1),
)
