"""A sum tree: numbers that change one by one, from which one is drawn in proportion to its size."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from lab.trial import State

FAN = 128  # children of a node; three levels hold two million leaves


class SumTree:
    """`size` numbers >= 0 (the leaves), each node above them the sum of its children. All on the device.

    A node is always computed anew from its children and never corrected by a difference, so no rounding error
    accumulates, and a node is 0 exactly if all its leaves are. Source: Schaul et al. 2016, appendix B.2.1, there
    with two children a node: many need fewer steps from root to leaf, each of them one operation for a whole batch.
    """

    def __init__(self, size: int, device: torch.device | str = "cpu"):
        """With all leaves 0."""
        self.levels = [torch.zeros(-(-size // FAN), FAN, device=device)]  # of leaves, last the root's children
        while (nodes := len(self.levels[-1])) > 1:
            # In double precision: the root's target is told apart to the last of a million leaves.
            self.levels.append(torch.zeros(-(-nodes // FAN), FAN, dtype=torch.float64, device=device))
        # Running sums as a product with this, because torch has no deterministic cumsum for every device.
        self._up_to = torch.ones(FAN, FAN, dtype=torch.float64, device=device).triu()

    @property
    def total(self) -> Tensor:
        """The sum of all leaves, [] float64."""
        return self.levels[-1].sum(dtype=torch.float64)

    def at(self, leaves: Tensor) -> Tensor:
        """The leaves of these numbers [...], as float32."""
        return self.levels[0].view(-1)[leaves]

    def set(self, leaves: Tensor, values: Tensor) -> None:
        """Writes values [M] >= 0 to leaves [M]; of several values for one leaf the largest."""
        # The maximum does not depend on the order in which a device happens to write.
        self.levels[0].view(-1).scatter_reduce_(0, leaves, values, "amax", include_self=False)
        for below, above in pairwise(self.levels):
            leaves = leaves // FAN
            above.view(-1)[leaves] = below[leaves].sum(-1, dtype=torch.float64)

    def find(self, targets: Tensor) -> Tensor:
        """The leaves [B] at which the running sum of all leaves first exceeds targets [B] float64 in [0, total).

        Never a leaf that is 0, whatever was rounded: targets that rounding carried past the end of a node, or past
        the total, find its last leaf that is not. At least one leaf must not be 0.
        """
        number = torch.arange(FAN, device=targets.device)
        node = torch.zeros_like(targets, dtype=torch.int64)
        for level in reversed(self.levels):
            children = level[node].double()  # [B, FAN]
            running = children @ self._up_to
            # A device may sum in any order, so that even a child of 0 can make a difference to the running sum.
            # Preferred is the first child above the target, then the last one that is not 0.
            preference = torch.where(running > targets[:, None], 2 * FAN - number, 1 + number)
            child = torch.where(children > 0, preference, 0).argmax(-1, keepdim=True)
            targets = targets - (running - children).gather(-1, child).squeeze(-1)
            node = node * FAN + child.squeeze(-1)
        return node

    def state_dict(self) -> State:
        """All levels, as they lie in memory (not copies)."""
        return {"levels": self.levels}

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        for level, saved in zip(self.levels, state["levels"], strict=True):
            level.copy_(saved)
