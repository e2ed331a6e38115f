"""What each regulariser does with 300 training images (digits).

Adam at 1e-3, as many updates in all arms but the one that stops early. The strength of each is that of up to four
values with the least development loss (three seeds from 100 up). An arm's training loss is what it descends, without
its penalties: with dropout, label smoothing and turned images it is higher than the same network's on plain images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._optimization import SMALL, Problem, compared, fit, optimised
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from supervised.classifier import ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of optimization_regularisers, which all arms share but for the regulariser."""

    classifier: ClassifierConfig = ClassifierConfig(optimizer=OptimizerConfig(kind="adam", learning_rate=1e-3))
    training_images: int = 300
    batch_size: int = 50
    run: RunConfig = RunConfig(steps=1_500, log_every=30, evaluate_every=30, save_every=500, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Nine regularisers, and none."""
    return {
        "none": config,
        "l1": optimised(config, l1=1e-4),
        "l2": optimised(config, l2=1e-3),
        "dropout": replace(config, backbone=replace(config.backbone, dropout=0.2)),
        "label-smoothing": replace(config, classifier=replace(config.classifier, label_smoothing=0.1)),
        "batch-norm": replace(config, backbone=replace(config.backbone, batch_norm=True)),
        "weight-average": optimised(config, average=0.999),
        "early-stopping": replace(config, stopping=StoppingConfig(patience=5, judge_every=30)),
        "clipping": optimised(config, max_norm=1.0),
        "augmentation": replace(config, rotation=10.0),
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of 300 images."""
    return fit(config, seeds)


TARGET = None  # a comparison
COMPARED = compared(None, "last weights, but of early stopping those that were best by development loss")

SMOKE = Config(
    backbone=SMALL, batch_size=16, run=RunConfig(steps=60, log_every=10, evaluate_every=20, save_every=10, threads=1)
)
