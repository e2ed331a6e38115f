"""Deep and thin against shallow and wide: perceptrons of one, two, four and eight layers and as many parameters each.

    lab run mlp_depth --seeds 0-4 --report
    lab run mlp_depth --data digits --seeds 0-4 --report

Of each depth the layers are of one width, the one that brings the number of parameters nearest to `parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from experiments.supervised._classifiers import Problem, fit
from lab.backbones import MLPConfig
from lab.data import load, split
from lab.data.splits import SMALL
from lab.experiment import Compared
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig

DEPTHS = (1, 2, 4, 8)  # hidden layers
PIXELS = {"digits": 8 * 8, "fashion_mnist": 28 * 28}
CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of mlp_depth, which all arms share but for the widths."""

    data: Literal["fashion_mnist", "digits"] = "fashion_mnist"
    parameters: int = 102_000  # weights and biases; with this number the arms of either data set agree within 0.4 %
    backbone: MLPConfig = MLPConfig(initialisation="he")  # each arm has widths of its own
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(learning_rate=1e-3, decay=cosine(1.0, 0.0, 4_680, warmup_steps=200))
    )
    batch_size: int = 128  # examples
    split_seed: int = 0  # of the digits: which are training, development and test
    run: RunConfig = RunConfig(steps=4_680, log_every=234, evaluate_every=1_170, save_every=2_340, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """An arm for each depth."""
    return {
        f"layers-{depth}": replace(config, backbone=replace(config.backbone, widths=(_width(config, depth),) * depth))
        for depth in DEPTHS
    }


def _width(config: Config, depth: int) -> int:
    """The width of `depth` equal layers whose number of parameters, the head's included, is nearest to the setting."""

    def parameters(width: int) -> int:
        return (PIXELS[config.data] + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * CLASSES

    widest = config.parameters // PIXELS[config.data] + 1
    return min(range(1, widest + 1), key=lambda width: abs(parameters(width) - config.parameters))


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of training images, judged on test images."""
    published = load(config.data).to(config.run.torch_device())
    if published.test is None:
        training, _, test = split(published.train, SMALL, config.split_seed)
    else:
        training, test = published.train, published.test
    return fit(config, training, {"test": test}, published.classes, seeds, show=False)


TARGET = None  # a comparison at equal numbers of parameters, settings and updates; settings were tuned for no arm
COMPARED = Compared(
    metrics=("eval/test_accuracy", "eval/test_loss"),
    lower=("eval/test_loss",),
    steps=4_680,
    protocol="accuracy and cross-entropy on the 10,000 test images of Fashion-MNIST, last weights after 10 epochs; the "
    "parameters of all arms agree within 0.4 %",
)

SMOKE = Config(
    data="digits",
    parameters=1_000,
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
