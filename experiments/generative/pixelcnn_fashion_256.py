"""A PixelCNN draws pieces of clothing in 256 shades of grey, and knows how likely each is (Fashion-MNIST)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.generative._pixels import EvaluationConfig, fit
from generative.pixel_networks import PixelCNNConfig
from generative.pixels import PixelModelConfig
from lab.data import load
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of pixelcnn_fashion_256, small enough for one core: the paper's PixelCNN of CIFAR-10 has h = 128.

    `eval/test_bits` are bits a dimension, as likelihoods of many levels are stated.
    """

    network: PixelCNNConfig = PixelCNNConfig()
    model: PixelModelConfig = PixelModelConfig(
        levels=256,
        optimizer=OptimizerConfig(kind="adam", learning_rate=4e-3, max_norm=2_000.0, decay=cosine(1.0, 0.0, 11_250)),
        evaluation_batch=50,
    )
    batch_size: int = 32  # pictures
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig = RunConfig(steps=11_250, log_every=375, evaluate_every=3_750, save_every=750)  # 6 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a PixelCNN x batches of the training pictures, judged on the 10,000 test pictures."""
    published = load("fashion_mnist").to(config.run.torch_device())
    train, test = published.train, published.test
    assert test is not None
    return fit(train, test, config.network, config.model, config.batch_size, config.evaluation, seeds)


TARGET = None  # no published likelihood by a network of this size is known to us

SMOKE = Config(
    network=PixelCNNConfig(channels=2, blocks=1),
    model=PixelModelConfig(levels=256, optimizer=OptimizerConfig(learning_rate=1e-2), evaluation_batch=50),
    batch_size=8,
    evaluation=EvaluationConfig(judged=50),
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
