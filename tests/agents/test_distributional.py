"""Distributional Q-learning against numbers worked out by hand and the algorithm as printed, in plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, tensor

from agents.distributional import categorical_loss, categorical_target, even_support, expected_values, project

THREE = tensor([-1.0, 0.0, 1.0])


def printed(reward: Tensor, discount: Tensor, probabilities: Tensor, support: Tensor) -> Tensor:
    """Bellemare et al. 2017, algorithm 1, one number at a time in Python, mended where b is an integer."""
    lowest, highest, last = support[0].item(), support[-1].item(), len(support) - 1
    apart = (highest - lowest) / last
    rows = []
    for r, d, p in zip(reward.tolist(), discount.tolist(), probabilities.tolist()):
        mass = [0.0] * len(support)
        for j, z in enumerate(support.tolist()):
            b = (min(max(r + d * z, lowest), highest) - lowest) / apart
            lower, upper = max(math.floor(b), 0), min(math.ceil(b), last)
            if lower == upper:  # as printed, both shares would be 0 and the mass lost
                mass[lower] += p[j]
            else:
                mass[lower] += p[j] * (upper - b)
                mass[upper] += p[j] * (b - lower)
        rows.append(mass)
    return tensor(rows)


@pytest.mark.parametrize(
    ("reward", "discount", "expected"),
    [
        (0.0, 1.0, [0.2, 0.3, 0.5]),  # nothing moves
        (1.0, 0.0, [0.0, 0.0, 1.0]),  # termination: all of it at the reward, which is an atom
        (0.0, 0.0, [0.0, 1.0, 0.0]),
        (0.25, 0.0, [0.0, 0.75, 0.25]),  # between two atoms, the nearer gets more
        (1.0, 1.0, [0.0, 0.2, 0.8]),  # -1 to 0, 0 to 1, 1 to 2, which is held at 1
        (-5.0, 1.0, [1.0, 0.0, 0.0]),  # all below
        (0.0, 0.5, [0.1, 0.65, 0.25]),  # -1 to -0.5, shared by halves; 1 to 0.5, likewise
        (0.5, 0.5, [0.0, 0.35, 0.65]),  # 0, 0.5, 1: 0.2 + 0.15, 0.15 + 0.5
    ],
)
def test_projection_by_hand(reward: float, discount: float, expected: list[float]) -> None:
    found = project(tensor([reward]), tensor([discount]), tensor([[0.2, 0.3, 0.5]]), THREE)
    torch.testing.assert_close(found, tensor([expected]))
    assert torch.equal(found == 0, tensor([expected]) == 0)  # nothing strays where nothing belongs


def test_projection_equals_the_printed_algorithm() -> None:
    draw = torch.Generator().manual_seed(0)
    support = even_support(-10.0, 10.0, 51)
    reward = 6 * torch.randn(200, generator=draw)
    discount = torch.rand(200, generator=draw) * (torch.rand(200, generator=draw) < 0.8)
    reward[:40] = reward[:40].round()
    discount[:20] = 1.0
    probabilities = torch.randn(200, 51, generator=draw).softmax(-1)
    found = project(reward, discount, probabilities, support)
    torch.testing.assert_close(found, printed(reward, discount, probabilities, support), atol=5e-6, rtol=0)
    torch.testing.assert_close(found.sum(-1), torch.ones(200))
    assert found.min() >= 0
    # within the ends the mean moves as every return does
    within = (reward.abs() + 10 * discount) < 10
    assert within.sum() > 20
    mean = reward + discount * (probabilities * support).sum(-1)
    torch.testing.assert_close((found * support).sum(-1)[within], mean[within], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "support", [even_support(-10.0, 10.0, 51), even_support(0.0, 0.7, 7), tensor([-3.0, 0.1, 8.0])]
)
def test_what_lands_on_an_atom_stays_whole(support: Tensor) -> None:
    atoms = len(support)
    probabilities = torch.zeros(atoms, atoms)
    probabilities[:, 0] = 1.0
    landed = project(support, torch.zeros(atoms), probabilities, support)
    assert torch.equal(landed, torch.eye(atoms))
    unmoved = project(torch.zeros(atoms), torch.ones(atoms), torch.eye(atoms), support)
    assert torch.equal(unmoved, torch.eye(atoms))


def test_an_uneven_support_shares_by_distance() -> None:
    support = tensor([0.0, 1.0, 5.0])
    found = project(tensor([2.0]), tensor([0.0]), tensor([[0.5, 0.25, 0.25]]), support)
    assert found.tolist() == [[0.0, 0.75, 0.25]]  # a quarter of the way from 1 to 5


def test_any_leading_axes() -> None:
    support = even_support(-1.0, 1.0, 5)
    reward, discount, logits = torch.randn(4, 3), torch.rand(4, 3), torch.randn(4, 3, 2, 5)
    whole = categorical_target(reward, discount, logits, support)
    assert torch.equal(whole, torch.stack([categorical_target(*row, support) for row in zip(reward, discount, logits)]))
    action = torch.randint(2, (4, 3))
    losses = categorical_loss(logits, action, whole)
    assert torch.equal(losses, torch.stack([categorical_loss(*row) for row in zip(logits, action, whole)]))


def test_expected_values_by_hand() -> None:
    logits = tensor([[[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]]]).log()
    torch.testing.assert_close(expected_values(logits, THREE), tensor([[0.3, -0.4]]))


def test_target_takes_the_next_action_of_highest_mean_and_double_that_of_the_other_network() -> None:
    reward, discount = tensor([1.0, 0.25]), tensor([0.5, 0.0])
    sure, high, low = [0.0, 1.0, 0.0], [0.1, 0.1, 0.8], [0.5, 0.4, 0.1]
    target = tensor([[low, sure, high], [low, sure, high]]).clamp(min=1e-30).log().requires_grad_()
    online = tensor([[sure, high, low], [high, sure, low]]).clamp(min=1e-30).log().requires_grad_()
    found = categorical_target(reward, discount, target, THREE)
    # high moves to 0.5, 1, 1.5: 0.05 at 0 and the rest at 1; terminated: 0.25
    torch.testing.assert_close(found, tensor([[0.0, 0.05, 0.95], [0.0, 0.75, 0.25]]))
    assert not found.requires_grad
    double = categorical_target(reward, discount, target, THREE, online)
    # online chooses action 1, which the target network says is surely 0: 1 + 0.5 * 0
    torch.testing.assert_close(double, tensor([[0.0, 0.0, 1.0], [0.0, 0.75, 0.25]]))
    assert not double.requires_grad


def test_of_tied_actions_the_first_is_valued() -> None:
    online = torch.zeros(1, 3, 3)
    target = tensor([[[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]).clamp(min=1e-30).log()
    found = categorical_target(tensor([0.0]), tensor([1.0]), target, THREE, online)
    torch.testing.assert_close(found, tensor([[0.5, 0.25, 0.25]]))


def test_loss_by_hand_and_its_gradient_reaches_the_action_taken_alone() -> None:
    logits = tensor([[[9.0, 9.0, -9.0], [0.0, 0.0, math.log(2.0)]]], requires_grad=True)
    target = tensor([[0.5, 0.25, 0.25]])
    losses = categorical_loss(logits, tensor([1]), target)
    # probabilities 1/4, 1/4, 1/2: 3/4 log 4 + 1/4 log 2
    torch.testing.assert_close(losses, tensor([1.75 * math.log(2.0)]))
    losses.sum().backward()
    assert logits.grad is not None
    # probabilities less target
    torch.testing.assert_close(logits.grad, tensor([[[0.0, 0.0, 0.0], [-0.25, 0.0, 0.25]]]))


def test_what_is_not_a_number_is_not_hidden() -> None:
    good, bad = torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)
    bad[0, 0, 1] = math.nan
    one, zero = tensor([1.0]), tensor([0.0])
    for discount in (one, zero):
        assert categorical_target(one, discount, bad, THREE).isnan().all()
        assert categorical_target(one, discount, good, THREE, bad).isnan().all()
        assert categorical_target(one, discount, bad, THREE, good).isnan().all()
    assert categorical_target(tensor([math.nan]), one, good, THREE).isnan().all()
    assert categorical_loss(bad, tensor([0]), tensor([[0.0, 0.0, 1.0]])).isnan().all()


def test_few_bits_in_float32_out() -> None:
    logits = torch.randn(4, 2, 3).bfloat16()
    whole, action = logits.float(), tensor([0, 1, 1, 0])
    reward, discount = torch.randn(4), torch.rand(4)
    assert torch.equal(expected_values(logits, THREE), expected_values(whole, THREE))
    target = categorical_target(reward, discount, logits, THREE, logits)
    assert torch.equal(target, categorical_target(reward, discount, whole, THREE))
    assert torch.equal(categorical_loss(logits, action, target), categorical_loss(whole, action, target))


def test_support() -> None:
    assert even_support(-1.0, 1.0, 5).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    for settings in ((1.0, 1.0, 51), (1.0, -1.0, 51), (-1.0, 1.0, 1), (math.nan, 1.0, 3)):
        with pytest.raises(ValueError, match="Set the highest above the lowest return, and atoms to at least 2"):
            even_support(*settings)


def test_no_value_is_waited_for_and_the_device_is_that_of_the_inputs() -> None:
    """On the meta device there are no values to wait for, and tensors of any other device are refused."""
    support, vector = even_support(-1.0, 1.0, 3, "meta"), torch.empty(4, device="meta")
    logits, action = torch.empty(4, 2, 3, device="meta"), torch.empty(4, device="meta", dtype=torch.long)
    losses = categorical_loss(logits, action, categorical_target(vector, vector, logits, support, logits))
    assert (losses.device.type, losses.shape) == ("meta", (4,))
