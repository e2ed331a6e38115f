"""A network that begins with another's backbone and names digits."""

from __future__ import annotations

from dataclasses import dataclass

from lab.backbones import MLPConfig
from lab.data import Batches, digits
from lab.data.splits import few
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.transfer import TransferConfig, transferred
from supervised.classifier import Classifier, ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    backbone: MLPConfig = MLPConfig(widths=(12,))
    transfer: TransferConfig = TransferConfig()
    run: RunConfig = RunConfig(
        steps=20, log_every=10, evaluate_every=0, save_every=10, threads=1, device="cpu", wandb="off"
    )


def build(config: Config, seeds: Seeds) -> Fit:
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((1, 8, 8))
    learner = Classifier(ClassifierConfig(), transferred(backbone, config.transfer, seeds), 10, seeds)
    return Fit(learner, Batches(few(digits(), 100, 0), 20, seeds.child("batches")), {})


TARGET = None
SMOKE = Config()
