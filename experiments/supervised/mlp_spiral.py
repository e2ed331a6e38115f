"""One hidden layer parts two spirals that wind around each other, where logistic regression stays near chance.

The arms differ in nothing but the hidden layer. The target is `mlp`'s; that `logistic` cannot even learn a batch by
heart (`lab probe` says so) is what is shown.

    lab run mlp_spiral --seeds 0-4
    lab verify mlp_spiral
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.backbones import MLPConfig
from lab.data import Batches, split
from lab.data.planar import spirals
from lab.data.splits import SMALL
from lab.experiment import Compared, Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of mlp_spiral, which both arms share but for the hidden layer."""

    backbone: MLPConfig = MLPConfig(widths=(256,))
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(learning_rate=0.03, decay=cosine(1.0, 0.0, 2_000))
    )
    batch_size: int = 64  # examples
    points: int = 2_000
    turns: float = 1.0  # that each spiral winds
    noise: float = 0.2  # standard deviation of a point's direction, in radians
    data_seed: int = 0  # of the points
    split_seed: int = 0  # which points are training, development and test
    run: RunConfig = RunConfig(
        steps=2_000, log_every=100, evaluate_every=500, save_every=1_000, device="cpu", threads=1
    )


def variants(config: Config) -> dict[str, Config]:
    """With the hidden layer and without it."""
    return {"mlp": config, "logistic": replace(config, backbone=replace(config.backbone, widths=()))}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training points, judged on development and test points."""
    device = config.run.torch_device()
    points = spirals(config.points, config.data_seed, turns=config.turns, noise=config.noise)
    training, development, test = (part.to(device) for part in split(points, SMALL, config.split_seed))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((2,))
    classifier = Classifier(config.classifier, backbone, 2, seeds, device)
    batches = Batches(training, config.batch_size, seeds.child("batches"))
    return Fit(classifier, batches, {"dev": development, "test": test})


TARGET = Target(
    metric="eval/test_accuracy",
    arm="mlp",
    at_least=0.98,
    steps=2_000,
    statistic="mean",
    seeds=5,
    protocol="accuracy on the 20 % of the points that split seed 0 keeps for testing, last weights",
    source="the lab's own bound: the points are made on the spot",
)
COMPARED = Compared(metrics=("eval/test_accuracy",), steps=2_000, protocol=TARGET.protocol)

SMOKE = Config(
    backbone=MLPConfig(widths=(8,)),
    batch_size=16,
    points=400,
    run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1),
)
