"""The cliff: the surface by hand, the descents against a plain loop, and what clipping is worth there."""

from __future__ import annotations

import math

import pytest
import torch

from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from supervised.cliff import Cliff, CliffConfig, unit_loss


def plain_loss(w: float, b: float, num_steps: int) -> float:
    state = 0.5
    for _ in range(num_steps):
        state = w / (1 + math.exp(-state)) + b
    return (1 / (1 + math.exp(-state)) - 0.7) ** 2


def test_the_loss_by_its_formula() -> None:
    w, b = torch.tensor([[5.5, -2.0], [0.0, 4.0]]).double(), torch.tensor([[-2.3, 1.0], [0.0, -3.0]]).double()
    found = unit_loss(w, b, 50)
    assert found.shape == (2, 2)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert float(found[i, j]) == pytest.approx(plain_loss(float(w[i, j]), float(b[i, j]), 50), rel=1e-12)
    assert float(found[1, 0]) == pytest.approx(0.04), "without weight and bias the output is 1/2"


@pytest.mark.parametrize("w", [5.0, 6.0, 7.0])
def test_the_cliff_stands_where_the_first_state_is_a_fixed_point(w: float) -> None:
    edge = 0.5 - w / (1 + math.exp(-0.5))  # 1/2 = w sigmoid(1/2) + b
    losses = unit_loss(torch.full((2,), w), torch.tensor([edge - 0.05, edge + 0.05]))
    assert float(losses[0]) > 0.3, "the state falls"
    assert float(losses[1]) < 0.1, "the state climbs"


def test_both_descents_equal_a_plain_loop() -> None:
    trial = Cliff(CliffConfig(), Seeds(3))
    start = trial.state_dict()["paths"]["clipped"][0]
    for _ in range(40):
        trial.step()
    for name, most in (("clipped", 0.1), ("unclipped", math.inf)):
        place = start.clone().requires_grad_()
        for _ in range(40):
            (gradient,) = torch.autograd.grad(unit_loss(place[0], place[1]), place)
            scale = min(1.0, most / (float(gradient.norm()) + 1e-6))
            place = (place - 0.5 * scale * gradient).detach().requires_grad_()
        torch.testing.assert_close(trial.state_dict()["places"][name], place.detach(), atol=1e-4, rtol=1e-4)


def test_clipping_keeps_steps_short_and_gets_to_the_bottom_where_the_other_is_thrown_out() -> None:
    trial = Cliff(CliffConfig(), Seeds(3))
    for _ in range(300):
        trial.step()
    metrics = {name: float(value) for name, value in trial.evaluate().items()}
    assert metrics["clipped_longest_step"] == pytest.approx(0.5 * 0.1, rel=1e-3)
    assert metrics["unclipped_longest_step"] > 1.0
    assert metrics["clipped_loss"] < 0.01 < 0.05 < metrics["unclipped_loss"]
    picture = trial.illustrate()["surface"]
    assert picture.pixels.shape[2] == 3
    assert len(set(picture.pixels[:, :, 0].flatten().tolist())) > 50


def test_a_state_goes_on_exactly() -> None:
    first, second = Cliff(CliffConfig(), Seeds(1)), Cliff(CliffConfig(), Seeds(2))
    for _ in range(5):
        first.step()
    second.load_state_dict(first.state_dict())
    assert second.steps == 5
    for trial in (first, second):
        trial.step()
    for part in ("places", "paths"):
        for name in ("clipped", "unclipped"):
            assert torch.equal(first.state_dict()[part][name], second.state_dict()[part][name])


def test_without_a_norm_nothing_would_be_clipped() -> None:
    with pytest.raises(ValueError, match=r"max_norm is None, so nothing would be clipped\. Set it"):
        CliffConfig(optimizer=OptimizerConfig(kind="sgd"))
