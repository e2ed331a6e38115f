"""Weighted averages over time, of weights above all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lab.trial import State


class WeightedAverage:
    """Exponentially weighted average of tensors that change in place, corrected for its start at zero.

    After t updates it is (1 - beta) * sum_i beta^(t - i) x_i / (1 - beta^t), so the first update gives x_1
    itself. It covers what it is given: a network's parameters, not the running statistics of its norms.
    Source: Kingma and Ba 2015, section 3, for the correction.
    """

    def __init__(self, tensors: Iterable[Tensor], beta: float):
        self.tensors = list(tensors)
        self.beta = beta
        self.count = 0  # updates
        self.sums = [torch.zeros_like(t, requires_grad=False) for t in self.tensors]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the tensors as they are now."""
        torch._foreach_lerp_(self.sums, self.tensors, 1 - self.beta)
        self.count += 1

    @torch.no_grad()
    def corrected(self) -> list[Tensor]:
        """The averages as new tensors; before the first update, the tensors as they are."""
        if self.count == 0:
            return [t.clone() for t in self.tensors]
        return list(torch._foreach_div(self.sums, 1 - self.beta**self.count))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the tensors hold their averages; afterwards what they held before, bit by bit."""
        with torch.no_grad():
            before = [t.clone() for t in self.tensors]
            torch._foreach_copy_(self.tensors, self.corrected())
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.tensors, before)

    def state_dict(self) -> State:
        """The count and the uncorrected averages in use, not copies."""
        return {"count": self.count, "sums": list(self.sums)}

    def load_state_dict(self, state: State) -> None:
        """Takes up a state by copying it in."""
        self.count = state["count"]
        torch._foreach_copy_(self.sums, state["sums"])
