"""A PixelCNN draws digits pixel by pixel, and knows how likely each picture is: pixels of MNIST as bits."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from generative.pixelcnn import PixelCNN, PixelCNNConfig
from generative.sheets import completed, samples
from lab.data import Batches, load
from lab.data.binary import binarised, drawn
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Picture

SHOWN = 12  # digits drawn, and digits of which the upper half is kept


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of pixelcnn_mnist."""

    pixelcnn: PixelCNNConfig = PixelCNNConfig(
        optimizer=OptimizerConfig(kind="adam", learning_rate=2e-3, max_norm=50.0, decay=cosine(1.0, 0.0, 14_070))
    )
    batch_size: int = 64  # pictures
    bits_seed: int = 0  # of the test pictures' bits, drawn once
    run: RunConfig = RunConfig(steps=14_070, log_every=469, evaluate_every=4_690, save_every=938)  # 15 epochs


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a PixelCNN x training pictures, bits drawn anew in each batch, judged on 10,000 drawn once."""
    published = load("mnist").to(config.run.torch_device())
    assert published.test is not None
    train, test = published.train, binarised(published.test, config.bits_seed)
    device = train.inputs.device
    learner = PixelCNN(config.pixelcnn, tuple(train.inputs.shape[1:]), seeds, device)

    def show() -> dict[str, Picture]:
        generator = torch.Generator(device).manual_seed(seeds.derive("shown"))
        whole = test.inputs[:SHOWN]
        known = whole[0].numel() // 2
        return {
            "samples": samples(learner.sample(SHOWN, generator)),
            "completed": completed(whole, known, learner.complete(whole, known, generator)),
        }

    batches = Batches(train, config.batch_size, seeds.child("batches"), augment=drawn())
    return Fit(learner, batches, {"test": test}, show=show)


TARGET = Target(
    metric="eval/test_nll",
    at_most=84.0,
    steps=14_070,
    statistic="mean",
    seeds=3,
    protocol="nats a picture on the 10,000 test pictures of MNIST, each pixel a bit drawn once with its brightness as "
    "probability, exact; training pictures' bits drawn anew in each batch, last weights after 15 epochs; 3 seeds",
    source="van den Oord et al. 2016, table 4: PixelCNN on published bits of MNIST, 81.30",
    published=81.30,
    needs="an hour of one core a seed",
)

SMOKE = Config(
    pixelcnn=PixelCNNConfig(channels=2, blocks=1, optimizer=OptimizerConfig(learning_rate=1e-2)),
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
