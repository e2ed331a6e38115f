"""Losses of the agents: pure functions of tensors, [B] in and [B] out. The mean is the caller's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def q_learning_target(reward: Tensor, discount: Tensor, next_q: Tensor) -> Tensor:
    """Returns reward + discount * max_a next_q, without gradient.

    reward [..., B]; discount [..., B] the whole factor in front of the next value: gamma, or gamma^n where the reward
    is a sum over n steps, and 0 where the episode terminated; next_q [..., B, A] values where the action led, often of
    a target network. Returns [..., B]. Source: Watkins 1989; Mnih et al. 2015, algorithm 1.
    """
    return (reward + discount * next_q.amax(-1)).detach()


def double_q_learning_target(reward: Tensor, discount: Tensor, next_q_online: Tensor, next_q_target: Tensor) -> Tensor:
    """Returns reward + discount * next_q_target[argmax_a next_q_online], without gradient.

    One network chooses the action and the other says what it is worth, so that an error of either is not chosen for
    being large. Shapes as of `q_learning_target`; of actions that tie, the first is chosen. A NaN among the values that
    choose makes the target NaN, even though the value chosen by it may be a number.
    Source: van Hasselt, Guez and Silver 2016, section "Double DQN".
    """
    best = next_q_online.max(-1, keepdim=True)
    next_q = next_q_target.gather(-1, best.indices)
    next_q = torch.where(best.values.isnan(), best.values, next_q).squeeze(-1)
    return (reward + discount * next_q).detach()


def action_error(q: Tensor, action: Tensor, target: Tensor) -> Tensor:
    """Returns target - q[action], the signed error of the values of the actions taken.

    q [B, A] values where the agent acted; action [B] in [0, A); target [B]. Returns [B].
    """
    if q.is_cuda:  # where a gather's gradient, to be the same each time, would be sorted
        taken = torch.arange(q.shape[-1], device=q.device) == action[:, None]
        return target - torch.where(taken, q, 0.0).sum(-1)
    return target - q.gather(-1, action[:, None]).squeeze(-1)


def half_square(error: Tensor) -> Tensor:
    """Returns error^2 / 2, whose slope is the error."""
    return error.square() / 2


def half_square_slope(error: Tensor) -> Tensor:
    """The derivative of `half_square`: the error itself."""
    return error


def huber(error: Tensor, knee: float = 1.0) -> Tensor:
    """Returns error^2 / 2 up to |error| = knee, beyond it knee * (|error| - knee / 2): its slope stays within +-knee.

    Source: Huber 1964. With knee 1 its slope is the error clipped to [-1, 1], as in Mnih et al. 2015, methods.
    """
    return F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=knee)


def huber_slope(error: Tensor, knee: float = 1.0) -> Tensor:
    """The derivative of `huber`: the error clipped to +- knee."""
    return error.clamp(-knee, knee)


def at_least_float32(values: Tensor) -> Tensor:
    """The values themselves, or in float32 if they have fewer bits: sums and softmaxes need them."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
