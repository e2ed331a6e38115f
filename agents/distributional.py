"""Distributional Q-learning: returns as probabilities of fixed values, the atoms of a support.

Source: Bellemare, Dabney and Munos 2017, "A distributional perspective on reinforcement learning" (C51),
https://arxiv.org/abs/1707.06887, section 4 and algorithm 1. Pure functions; K is the number of atoms, and arithmetic is
in float32 at least, whatever the network's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.losses import at_least_float32


def even_support(lowest: float, highest: float, atoms: int, device: torch.device | str = "cpu") -> Tensor:
    """Returns [K] returns at equal distances, in the unit of the rewards that are learnt from.

    Raises:
        ValueError: if that is no interval, or fewer than the two atoms at its ends.
    """
    if not lowest < highest or atoms < 2:
        raise ValueError(
            f"A support of {atoms} atoms from {lowest} to {highest} was asked for, but between its ends there must lie "
            "an interval, with an atom at each. Set the highest above the lowest return, and atoms to at least 2."
        )
    return torch.linspace(lowest, highest, atoms, device=device)


def expected_values(logits: Tensor, support: Tensor) -> Tensor:
    """The mean of each distribution: logits [..., K], support [K] -> [...]."""
    return (at_least_float32(logits).softmax(-1) * support).sum(-1)


def project(reward: Tensor, discount: Tensor, probabilities: Tensor, support: Tensor) -> Tensor:
    """The distribution of reward + discount * Z, brought back onto the support.

    Each atom's probability is shared out between the two atoms around the place it moves to, the nearer one getting
    more; what moves beyond an end is held at the end. An atom that lands on an atom gives it everything, exactly.

    reward [..., B]; discount [..., B] the whole factor in front of the next value (see `losses.q_learning_target`);
    probabilities [..., B, K] of Z; support [K] ascending, not necessarily evenly. Returns [..., B, K].
    """
    moved = reward[..., None] + discount[..., None] * support
    # How much of interval i (from atom i to i + 1) lies below where atom k moved to: 1 for all intervals below it, the
    # share in which it lies, then 0. The differences between neighbouring intervals are the shares of the atoms
    # between them; 1 and 0 beyond the ends hold there what moves beyond. Dividing by the distance between the very
    # atoms, not by a common one, is what makes landing exact; and unlike adding up at indices, this adds in the same
    # order each time on a GPU.
    below = ((moved[..., None, :] - support[:-1, None]) / support.diff()[:, None]).clamp(0, 1)  # [..., B, K - 1, K]
    shares = F.pad(below, (0, 0, 1, 0), value=1.0) - F.pad(below, (0, 0, 0, 1), value=0.0)  # [..., B, K to, K from]
    return (shares * probabilities[..., None, :]).sum(-1)


def categorical_target(
    reward: Tensor,
    discount: Tensor,
    next_logits_target: Tensor,
    support: Tensor,
    next_logits_online: Tensor | None = None,
) -> Tensor:
    """What the distribution of the action taken should become, without gradient.

    The next action is the one of highest mean, the first of those that tie: by the target network, or, if its logits
    are given, by the online network (double Q-learning). A NaN in what chooses makes the target NaN.

    reward and discount [..., B] as of `project`; next logits [..., B, A, K]; support [K]. Returns [..., B, K].
    """
    choosing = next_logits_target if next_logits_online is None else next_logits_online
    best = expected_values(choosing, support).max(-1)
    probabilities = at_least_float32(_of_action(next_logits_target, best.indices)).softmax(-1)
    probabilities = torch.where(best.values.isnan()[..., None], best.values[..., None], probabilities)
    return project(reward, discount, probabilities, support).detach()


def categorical_loss(logits: Tensor, action: Tensor, target: Tensor) -> Tensor:
    """The cross-entropy from the target to the distribution of the action taken.

    Its gradient is that of the Kullback-Leibler divergence, from which it differs by the target's entropy.

    logits [..., B, A, K] where the agent acted; action [..., B] in [0, A); target [..., B, K]. Returns [..., B].
    """
    return -(target * at_least_float32(_of_action(logits, action)).log_softmax(-1)).sum(-1)


def _of_action(logits: Tensor, action: Tensor) -> Tensor:
    """[..., A, K] and [...] -> [..., K]."""
    index = action[..., None, None].expand(*action.shape, 1, logits.shape[-1])
    return logits.gather(-2, index).squeeze(-2)
