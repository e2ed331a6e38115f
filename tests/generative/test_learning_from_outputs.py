"""A head of somebody's own can learn from whatever a learner hands out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from generative.features import FashionFeatures
from tests.generative import test_autoencoder, test_gan, test_pixels, test_vae


def bits() -> Tensor:
    return torch.rand(6, 12, generator=torch.Generator().manual_seed(0)).round()


def vae() -> Tensor:
    return test_vae.made(bits()).codes(bits())


def autoencoder() -> Tensor:
    return test_autoencoder.made(bits()).codes(bits())


def samples_of_a_gan() -> Tensor:
    return test_gan.made(test_gan.ARMS["log"]).sample(6, torch.Generator().manual_seed(0))


def likelihoods_of_pixels() -> Tensor:
    return test_pixels.made(test_pixels.NETWORKS[0]).log_probability(test_pixels.every_picture(test_pixels.GREY)[:6])


def features_of_clothing() -> Tensor:
    return FashionFeatures()(torch.zeros(6, 1, 28, 28))


@pytest.mark.parametrize(
    "handed_out",
    [vae, autoencoder, samples_of_a_gan, likelihoods_of_pixels, features_of_clothing],
    ids=lambda made: made.__name__,
)
def test_a_head_learns_from_it(handed_out: Callable[[], Tensor]) -> None:
    given = handed_out()
    assert not given.requires_grad, "the learner itself stays as it is"
    inputs = given.flatten(1) if given.ndim > 1 else given[:, None]
    head = torch.nn.Linear(inputs.shape[1], 1)
    head(inputs).square().sum().backward()
    assert head.weight.grad is not None
    assert bool(head.weight.grad.isfinite().all())
