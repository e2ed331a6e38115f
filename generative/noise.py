"""Drawing numbers by given probabilities at a cost that does not grow with how many there are.

Source: Walker 1977, "An efficient method for generating discrete random variables with general distributions"; Vose
1991, "A linear algorithm for generating random numbers with a given distribution".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class AliasTable:
    """Draws i with probability p[i]: a uniform choice among V bins, each of which holds i and at most one alias."""

    def __init__(self, weights: Tensor, device: torch.device | str = "cpu"):
        """`weights` [V] are at least 0, in any unit. Raises ValueError where they are no such thing."""
        weights = weights.double().cpu()
        if (
            weights.ndim != 1
            or not len(weights)
            or bool((weights < 0).any())
            or not 0 < float(weights.sum()) < torch.inf
        ):
            raise ValueError(
                f"The weights {weights} are no distribution. Give at least one above 0, none below, and all finite."
            )
        height = (weights / weights.sum() * len(weights)).tolist()
        alias = list(range(len(height)))
        low = [i for i, each in enumerate(height) if each < 1]
        high = [i for i, each in enumerate(height) if each >= 1]
        while low and high:
            i, filler = low.pop(), high[-1]
            alias[i] = filler
            height[filler] -= 1 - height[i]
            if height[filler] < 1:
                low.append(high.pop())
        for i in low + high:  # what is left is 1 but for rounding
            height[i] = 1.0
        self._own = torch.tensor(height, dtype=torch.float32, device=device)
        self._alias = torch.tensor(alias, device=device)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """int64 of the shape, by a generator on the table's device."""
        device = self._own.device
        bins = torch.randint(len(self._own), (math.prod(shape),), generator=generator, device=device)
        draws = torch.rand(len(bins), generator=generator, device=device)
        keep = draws < self._own.index_select(0, bins)
        return torch.where(keep, bins, self._alias.index_select(0, bins)).view(shape)
