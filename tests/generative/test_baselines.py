"""Pictures that no model made: real ones on one side only, noise with the right histograms, and their distances."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from generative.baselines import baselines, independent_pixels, uniform_noise
from generative.features import FashionFeatures
from generative.judge import Judge
from lab.data import load


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_picture_is_on_both_sides() -> None:
    seen: list[Tensor] = []

    def watched(pictures: Tensor) -> Tensor:
        seen.append(pictures.flatten())
        return torch.cat([pictures.flatten(1), pictures.flatten(1).square()], 1)

    train, test = torch.arange(30.0).view(30, 1, 1, 1) / 30, torch.linspace(0, 1, 12).view(12, 1, 1, 1)
    found = baselines(Judge(watched, "the test part"), train, test, 15, draws())
    assert [len(each) for each in seen] == [12, 15, 12, 15, 15, 15]
    ours, others, again = seen[1], seen[2], seen[3]
    assert torch.equal(ours, again)
    assert not set(ours.tolist()) & set(others.tolist())
    assert len(set(ours.tolist())) == 15
    assert {name: (each.num_made, each.num_real, each.split) for name, each in found.items()} == {
        "train": (15, 12, "the test part"),
        "halves": (15, 12, "12 other training pictures"),
        "pixels": (15, 12, "the test part"),
        "uniform": (15, 12, "the test part"),
    }


def test_each_pixel_keeps_its_histogram_and_forgets_the_others() -> None:
    pictures = torch.tensor([[0.0, 0.2], [1.0, 0.6]]).view(2, 1, 1, 2)  # the second tells the first
    made = independent_pixels(pictures, 20_000, draws()).flatten(1)
    assert set(made[:, 0].tolist()) == {0.0, 1.0}
    assert set(made[:, 1].unique().tolist()) == set(pictures[:, 0, 0, 1].tolist())
    assert torch.allclose(made.mean(0), torch.tensor([0.5, 0.4]), atol=0.02)
    assert abs(float(torch.corrcoef(made.T)[0, 1])) < 0.03


def test_uniform_noise() -> None:
    made = uniform_noise(2_000, (1, 3, 3), draws())
    assert made.shape == (2_000, 1, 3, 3)
    assert float(made.var()) == pytest.approx(1 / 12, rel=0.03)
    assert 0 <= float(made.min()) < 0.01 < 0.99 < float(made.max()) < 1


def test_too_few_for_halves() -> None:
    with pytest.raises(ValueError, match="Halves of 15 and 12 pictures take 27, but there are 20"):
        baselines(Judge(torch.nn.Flatten(), ""), torch.rand(20, 1, 1, 1), torch.rand(12, 1, 1, 1), 15, draws())


def test_real_clothing_lies_at_the_floor_and_noise_far_above() -> None:
    published = load("fashion_mnist")
    assert published.test is not None
    judge = Judge(FashionFeatures(), "test images")
    found = baselines(judge, published.train.inputs, published.test.inputs[:1_000], 1_000, draws())
    assert 0 < found["halves"].frechet < 0.5
    assert 0 < found["train"].frechet < 0.5
    assert min(found["pixels"].frechet, found["uniform"].frechet) > 20 * found["halves"].frechet
    assert found["halves"].precision > 0.8 > 0.05 > found["uniform"].coverage
