"""Losses of adversarial networks, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from generative.gan_losses import apart, gradient_penalty, hinge, log_fooled, log_real_and_fake, minus_mean

REAL, MADE = torch.tensor([0.0, math.log(3.0)]), torch.tensor([0.0, -2.0])


def test_log_losses() -> None:
    # D(real) = 1/2, 3/4; D(made) = 1/2, 1 / (1 + e^2).
    expected = -(math.log(1 / 2) + math.log(3 / 4)) / 2 - (math.log(1 / 2) + math.log(1 - 1 / (1 + math.exp(2)))) / 2
    assert float(log_real_and_fake(REAL, MADE)) == pytest.approx(expected)
    assert float(log_fooled(MADE)) == pytest.approx(-(math.log(1 / 2) + math.log(1 / (1 + math.exp(2)))) / 2)


def test_the_generators_slope_does_not_vanish_where_the_discriminator_is_sure() -> None:
    made = torch.tensor([-50.0], requires_grad=True)
    log_fooled(made).backward()
    assert made.grad is not None
    assert float(made.grad) == pytest.approx(-1.0)


def test_hinge_and_wasserstein() -> None:
    real, made = torch.tensor([0.5, 2.0]), torch.tensor([-3.0, 0.5])
    assert float(hinge(real, made)) == pytest.approx((0.5 + 0.0) / 2 + (0.0 + 1.5) / 2)
    assert float(apart(real, made)) == pytest.approx(-1.25 - 1.25)
    assert float(minus_mean(made)) == pytest.approx(1.25)


def test_the_penalty_of_a_plane_is_that_of_its_slope() -> None:
    slope = torch.tensor([3.0, 4.0], requires_grad=True)

    def plane(points: Tensor) -> Tensor:
        return points @ slope

    penalty = gradient_penalty(plane, torch.randn(6, 2), torch.randn(6, 2), torch.rand(6))
    assert penalty.item() == pytest.approx(16.0)  # (5 - 1)^2
    penalty.backward()
    assert slope.grad is not None
    assert slope.grad.tolist() == pytest.approx([2 * 4 * 0.6, 2 * 4 * 0.8])


def test_the_penalty_is_taken_between_the_two() -> None:
    seen: list[Tensor] = []

    def watched(points: Tensor) -> Tensor:
        seen.append(points.detach())
        return points.sum(1)

    real, made = torch.ones(3, 2), torch.zeros(3, 2)
    gradient_penalty(watched, real, made, torch.tensor([0.0, 0.25, 1.0]))
    assert seen[0].tolist() == [[0.0, 0.0], [0.25, 0.25], [1.0, 1.0]]
