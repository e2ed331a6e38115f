"""Drawing numbers by given probabilities at a cost that does not grow with how many there are.

Source: Walker 1977, "An efficient method for generating discrete random variables with general distributions"; Vose
1991, "A linear algorithm for generating random numbers with a given distribution".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lab.seeding import Seeds

NOISE_POWER = 0.75  # of a word's frequency, by which word2vec draws it (Mikolov et al. 2013, section 2.2)
AT_ONCE = 16  # updates whose noise is drawn together: to draw for one costs nearly as much


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
        self.device = torch.device(device)
        self._own = torch.tensor(height, dtype=torch.float32, device=device)
        self._alias = torch.tensor(alias, device=device)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """int64 of the shape, by a generator on the table's device."""
        bins = torch.randint(len(self._own), (math.prod(shape),), generator=generator, device=self.device)
        draws = torch.rand(len(bins), generator=generator, device=self.device)
        keep = draws < self._own.index_select(0, bins)
        return torch.where(keep, bins, self._alias.index_select(0, bins)).view(shape)


class Noise:
    """What is drawn in each update, as a function of (seeds, update, shape) alone."""

    def __init__(self, table: AliasTable, seeds: Seeds):
        self._table, self._seeds = table, seeds
        self._generator = torch.Generator(table.device)
        self._drawn: tuple[int, Tensor] | None = None  # for the updates of one turn

    def of(self, update: int, shape: tuple[int, ...]) -> Tensor:
        """int64 of the shape."""
        turn, place = divmod(update, AT_ONCE)
        if self._drawn is None or self._drawn[0] != turn or self._drawn[1].shape[1:] != shape:
            self._generator.manual_seed(self._seeds.derive(f"noise/{turn}"))
            self._drawn = turn, self._table.draw((AT_ONCE, *shape), self._generator)
        return self._drawn[1][place]
