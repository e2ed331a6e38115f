"""Losses against numbers worked out by hand."""

from __future__ import annotations

import math

import torch
from torch import tensor

from agents.losses import (
    action_error,
    at_least_float32,
    double_q_learning_target,
    half_square,
    half_square_slope,
    huber,
    huber_slope,
    q_learning_target,
)


def test_target_bootstraps_from_the_best_next_action_unless_terminated() -> None:
    reward, discount = tensor([1.0, -2.0]), tensor([0.5, 0.0])
    next_q = tensor([[3.0, 4.0], [100.0, 200.0]])
    # 1 + 0.5 * 4 = 3; after a termination the reward alone
    assert q_learning_target(reward, discount, next_q).tolist() == [3.0, -2.0]


def test_target_takes_any_leading_axes() -> None:
    reward, discount = torch.rand(5, 3), torch.rand(5, 3)
    next_q = torch.rand(5, 3, 4)
    whole = q_learning_target(reward, discount, next_q)
    rows = [q_learning_target(reward[i], discount[i], next_q[i]) for i in range(5)]
    assert torch.equal(whole, torch.stack(rows))


def test_double_target_is_chosen_by_one_network_and_valued_by_the_other() -> None:
    reward, discount = tensor([1.0, -2.0, 0.5]), tensor([0.5, 0.0, 0.9**3])
    online = tensor([[3.0, 4.0, -1.0], [5.0, 6.0, 7.0], [-1.0, -2.0, -3.0]], requires_grad=True)
    target = tensor([[100.0, 8.0, 50.0], [1.0, 2.0, 3.0], [10.0, 20.0, 30.0]], requires_grad=True)
    found = double_q_learning_target(reward, discount, online, target)
    # 1 + 0.5 * 8, where the best of the target network itself would give 51; the reward alone; 0.5 + 0.729 * 10
    torch.testing.assert_close(found, tensor([5.0, -2.0, 7.79]))
    assert not found.requires_grad


def test_of_tied_actions_the_first_is_valued() -> None:
    online, target = tensor([[2.0, 7.0, 7.0, 7.0]]), tensor([[1.0, 2.0, 3.0, 4.0]])
    assert double_q_learning_target(tensor([0.0]), tensor([1.0]), online, target).tolist() == [2.0]


def test_double_equals_single_if_both_networks_are_one() -> None:
    reward, discount, next_q = torch.randn(6, 5), torch.rand(6, 5), torch.randn(6, 5, 3)
    double = double_q_learning_target(reward, discount, next_q, next_q)
    assert double.shape == (6, 5)
    assert torch.equal(double, q_learning_target(reward, discount, next_q))


def test_targets_do_not_hide_what_is_not_a_number() -> None:
    one, zero, nan = tensor([1.0]), tensor([0.0]), math.nan
    good, bad = tensor([[1.0, 2.0]]), tensor([[nan, 5.0]])
    for discount in (one, zero):  # not even after a termination
        assert q_learning_target(one, discount, bad).isnan().all()
        assert double_q_learning_target(one, discount, bad, good).isnan().all()
        assert double_q_learning_target(one, discount, tensor([[3.0, 2.0]]), bad).isnan().all()
    assert q_learning_target(tensor([nan]), one, good).isnan().all()
    assert double_q_learning_target(tensor([nan]), one, good, good).isnan().all()


def test_values_of_few_bits_give_targets_and_errors_in_float32() -> None:
    next_q = tensor([[1.0, 2.0]], dtype=torch.bfloat16)
    reward, discount, third = tensor([1 / 3]), tensor([1.0]), 1 / 3
    for target in (
        q_learning_target(reward, discount, next_q),
        double_q_learning_target(reward, discount, next_q, next_q),
    ):
        torch.testing.assert_close(target, tensor([2 + third]))
        error = action_error(next_q, tensor([1]), target)
        torch.testing.assert_close(huber(error), tensor([third**2 / 2]))
    assert at_least_float32(next_q).dtype == torch.float32
    assert at_least_float32(next_q.double()).dtype == torch.float64


def test_error_is_of_the_action_taken_and_signed() -> None:
    q = tensor([[1.0, 10.0], [5.0, 2.0]])
    assert action_error(q, tensor([1, 0]), tensor([3.0, 6.0])).tolist() == [-7.0, 1.0]


def test_q_learning_by_hand_and_no_gradient_through_the_target() -> None:
    q = tensor([[1.0, 10.0], [5.0, 2.0]], requires_grad=True)
    next_q = tensor([[3.0, 4.0], [7.0, 8.0]], requires_grad=True)
    target = q_learning_target(tensor([1.0, 1.0]), tensor([0.9, 0.0]), next_q)
    error = action_error(q, tensor([0, 1]), target)
    # 1 + 0.9 * 4 - 1 = 3.6; 1 + 0 - 2 = -1
    torch.testing.assert_close(error, tensor([3.6, -1.0]))
    error.sum().backward()
    assert q.grad is not None
    assert q.grad.tolist() == [[-1.0, 0.0], [0.0, -1.0]]
    assert next_q.grad is None


def test_huber_is_square_within_the_knee_and_straight_beyond() -> None:
    error = tensor([-3.0, -1.0, 0.5, 1.0, 4.0])
    # 3 - 1/2, 1/2, 0.25/2, 1/2, 4 - 1/2
    assert huber(error).tolist() == [2.5, 0.5, 0.125, 0.5, 3.5]
    # knee 2: 2 * (3 - 1), 1/2, 1/8, 1/2, 2 * (4 - 1)
    assert huber(error, knee=2.0).tolist() == [4.0, 0.5, 0.125, 0.5, 6.0]


def test_slopes_are_the_error_clipped_and_unclipped() -> None:
    cases = ((huber, huber_slope, [-1.0, -0.5, 1.0]), (half_square, half_square_slope, [-3.0, -0.5, 4.0]))
    for loss, slope, slopes in cases:
        error = tensor([-3.0, -0.5, 4.0], requires_grad=True)
        loss(error).sum().backward()
        assert error.grad is not None
        assert error.grad.tolist() == slopes
        assert slope(error).tolist() == slopes


def test_half_square_by_hand() -> None:
    assert half_square(tensor([-3.0, 2.0])).tolist() == [4.5, 2.0]


def test_no_value_is_waited_for_and_the_device_is_that_of_the_inputs() -> None:
    """On the meta device there are no values to wait for, and tensors of any other device are refused."""
    vector, matrix = torch.empty(4, device="meta"), torch.empty(4, 3, device="meta")
    action = torch.empty(4, device="meta", dtype=torch.long)
    for target in (q_learning_target(vector, vector, matrix), double_q_learning_target(vector, vector, matrix, matrix)):
        loss = huber(action_error(matrix, action, target))
        assert (loss.device.type, loss.shape) == ("meta", (4,))
