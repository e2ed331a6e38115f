"""The judge looks at the real pictures once, and again when they are others."""

from __future__ import annotations

import torch
from torch import Tensor

from generative.judge import Judge


class Flat:
    """Pixels as features; counts how often it was asked."""

    name = "the pixels"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, pictures: Tensor) -> Tensor:
        self.asked.append(len(pictures))
        return pictures.flatten(1)


def drawn(count: int, seed: int) -> Tensor:
    return torch.rand(count, 1, 2, 2, generator=torch.Generator().manual_seed(seed))


def test_real_pictures_are_looked_at_once() -> None:
    features = Flat()
    judge, real, others = Judge(features, "some"), drawn(20, 0), drawn(21, 1)
    first = judge(real, drawn(10, 2), "a die")
    assert judge(real, drawn(10, 2), "a die") == first
    assert features.asked == [20, 10, 10]
    apart = judge(others, drawn(10, 2), "a die")
    assert features.asked[3:] == [21, 10]
    assert apart.num_real == 21
    assert apart.frechet != first.frechet
    assert judge(real, drawn(10, 2), "a die") == first


def test_what_it_measured_says_of_what_and_by_whom() -> None:
    said = str(Judge(Flat(), "the test part")(drawn(20, 0), drawn(10, 1), "a die"))
    assert "10 made up (a die) against 20 real (the test part), 5 neighbours, features of the pixels" in said


def test_features_without_a_name_are_called_what_they_are() -> None:
    assert Judge(torch.nn.Flatten(), "some").name == "Flatten"
