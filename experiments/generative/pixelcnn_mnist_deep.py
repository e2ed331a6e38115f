"""The PixelCNN of pixelcnn_mnist half as deep again, for twice as many epochs: what more time brings."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.generative import pixelcnn_mnist
from generative.pixel_networks import PixelCNNConfig
from generative.pixels import PixelModelConfig
from lab.experiment import Target
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine


@dataclass(frozen=True, kw_only=True)
class Config(pixelcnn_mnist.Config):
    """Settings of pixelcnn_mnist_deep: those of pixelcnn_mnist but for the blocks and the epochs.

    After ten epochs the smaller one tells training pictures no better than test pictures: it lacks size and time, and
    need not be held back.
    """

    network: PixelCNNConfig = PixelCNNConfig(blocks=6)
    model: PixelModelConfig = PixelModelConfig(
        optimizer=OptimizerConfig(kind="adam", learning_rate=4e-3, max_norm=50.0, decay=cosine(1.0, 0.0, 75_000))
    )
    run: RunConfig = RunConfig(steps=75_000, log_every=1_250, evaluate_every=18_750, save_every=3_750)  # 20 epochs


build = pixelcnn_mnist.build

TARGET = Target(
    metric="eval/test_nll",
    at_most=81.5,
    steps=75_000,
    statistic="mean",
    seeds=3,
    protocol="as pixelcnn_mnist: nats a picture on the 10,000 test pictures of MNIST, each pixel a bit drawn once with "
    "its brightness as probability, exact; training pictures' bits drawn anew in each batch, last weights after 20 "
    "epochs; 3 seeds",
    source="van den Oord et al. 2016, table 4: PixelCNN on published bits of MNIST, 81.30",
    published=81.30,
    needs="100 minutes of one core a seed",
)

SMOKE = Config(
    network=pixelcnn_mnist.SMOKE.network,
    model=pixelcnn_mnist.SMOKE.model,
    evaluation=pixelcnn_mnist.SMOKE.evaluation,
    run=pixelcnn_mnist.SMOKE.run,
)
