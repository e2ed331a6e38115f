"""The PixelCNN of pixelcnn_mnist half as deep again, for twice as many epochs: what more time brings."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.generative._pixels import BitsConfig, BitsEvaluationConfig, fit_bits
from generative.pixel_networks import PixelCNNConfig
from generative.pixels import PixelModelConfig
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(BitsConfig):
    """Settings of pixelcnn_mnist_deep: those of pixelcnn_mnist but for the blocks and the epochs.

    After ten epochs the smaller one tells training pictures no better than test pictures: it lacks size and time, and
    need not be held back.
    """

    network: PixelCNNConfig = PixelCNNConfig(blocks=6)
    model: PixelModelConfig = PixelModelConfig(
        optimizer=OptimizerConfig(kind="adam", learning_rate=4e-3, max_norm=50.0, decay=cosine(1.0, 0.0, 75_000))
    )
    run: RunConfig = RunConfig(steps=75_000, log_every=1_250, evaluate_every=18_750, save_every=3_750)  # 20 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a PixelCNN x training pictures, bits drawn anew in each batch, judged on 10,000 drawn once."""
    return fit_bits(config, seeds)


TARGET = Target(
    metric="eval/test_nll",
    at_most=81.5,
    steps=75_000,
    statistic="mean",
    seeds=3,
    protocol="as pixelcnn_mnist: nats a picture on the 10,000 test pictures of MNIST, each pixel a bit drawn once with "
    "its brightness as probability, exact; training pictures' bits drawn anew in each batch, last weights after 20 "
    "epochs; 3 seeds",
    source="EugenHotaj/pytorch-generative, README: PixelCNN of 15 residual blocks after 457 epochs, bits drawn anew in "
    "each batch, 81.45. With training bits that are fixed, van den Oord et al. 2016, table 4: 81.30",
    published=81.45,
    needs="100 minutes of one core a seed",
)

SMOKE = Config(
    network=PixelCNNConfig(channels=2, blocks=1),
    model=PixelModelConfig(optimizer=OptimizerConfig(learning_rate=1e-2)),
    evaluation=BitsEvaluationConfig(judged=100),
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
