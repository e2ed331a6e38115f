"""Linear regression tells how diabetes goes on, by gradient descent on the whole batch: as well as the closed form."""

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
from lab.seeding import Seeds
from supervised.regressor import Regressor, RegressorConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of linear_diabetes."""

    backbone: MLPConfig = MLPConfig(widths=())  # no layer below the output
    regressor: RegressorConfig = RegressorConfig(
        optimizer=OptimizerConfig(kind="nesterov", learning_rate=0.1, momentum=0.9)
    )
    split_seed: int = 0  # which patients are training, development and test
    run: RunConfig = RunConfig(
        steps=3_000, log_every=250, evaluate_every=1_000, save_every=1_500, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a regressor x the whole training set at every update."""
    device = config.run.torch_device()
    parts = split(diabetes(), SMALL, config.split_seed)
    training, development, test = normalised(*(part.to(device) for part in parts))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    regressor = Regressor(config.regressor, backbone, Normalisation.fit(training.labels), seeds, device)
    batches = Batches(training, len(training), seeds.child("batches"))
    return Fit(regressor, batches, {"train": training, "dev": development, "test": test})


LEAST_SQUARES = 2980.612614237  # mean squared error of the closed form on the training part; a test works it out anew

TARGET = Target(
    metric="eval/train_mse",
    at_most=LEAST_SQUARES * (1 + 1e-6),
    steps=3_000,
    statistic="mean",
    seeds=5,
    protocol="mean squared error on the 60 % of the patients that split seed 0 keeps for training, last weights",
    source="the closed form: linear least squares on the same patients, in double precision",
    published=LEAST_SQUARES,
)

SMOKE = Config(run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1))
