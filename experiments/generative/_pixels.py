"""What experiments on models of pixels share: how one is put together with its pictures, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.generative._first import first
from generative.pixel_networks import PixelNetworkConfig
from generative.pixels import PixelModel, PixelModelConfig
from generative.sheets import completed, samples
from lab.data import Augment, Batches, Dataset, load
from lab.data.binary import binarised, drawn
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Picture

SHOWN = 12  # pictures drawn, and pictures of which the upper half is kept


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What the likelihood is of."""

    judged: int = 10_000  # test pictures, the first


@dataclass(frozen=True, kw_only=True)
class BitsEvaluationConfig(EvaluationConfig):
    """The same where test pictures are bits."""

    bits_seed: int = 0  # of the test pictures' bits, drawn once


@dataclass(frozen=True, kw_only=True)
class BitsConfig:
    """Settings of an experiment on pixels as bits."""

    network: PixelNetworkConfig
    model: PixelModelConfig
    batch_size: int = 16  # pictures
    evaluation: BitsEvaluationConfig = BitsEvaluationConfig()
    run: RunConfig


def fit_bits(config: BitsConfig, seeds: Seeds) -> Fit:
    """A model of MNIST's pixels as bits: those of training pictures drawn anew in each batch, those of test pictures
    once.
    """
    published = load("mnist").to(config.run.torch_device())
    assert published.test is not None
    test = binarised(published.test, config.evaluation.bits_seed)
    return fit(
        published.train, test, config.network, config.model, config.batch_size, config.evaluation, seeds, drawn()
    )


def fit(
    train: Dataset,
    test: Dataset,
    network: PixelNetworkConfig,
    model: PixelModelConfig,
    batch_size: int,
    evaluation: EvaluationConfig,
    seeds: Seeds,
    augment: Augment | None = None,
) -> Fit:
    """A model of pixels x batches of all training pictures, judged on test pictures, on the device of both."""
    test = first(test, evaluation.judged, "evaluation.judged")
    device = train.inputs.device
    learner = PixelModel(model, network, tuple(train.inputs.shape[1:]), seeds, device)

    def show() -> dict[str, Picture]:
        generator = seeds.generator("shown", device)
        whole = test.inputs[:SHOWN]
        known = whole[0, 0].numel() // 2
        return {
            "samples": samples(learner.sample(SHOWN, generator)),
            "completed": completed(whole, known, learner.complete(whole, known, generator)),
        }

    return Fit(learner, Batches(train, batch_size, seeds.child("batches"), augment=augment), {"test": test}, show=show)
