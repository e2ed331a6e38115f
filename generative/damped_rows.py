"""Gradient steps on rows of tables, each no longer than its row's curvature can bear.

Many gradients of a frequent word's row are found at the same place, where plain descent would have moved the row
between them; their plain sum overshoots and diverges. A step along a row is safe up to about 2 / curvature, so it is
shortened where the rate asks for more than `TRUST` / curvature. The curvature is a bound by the row's errors and the
lengths of the vectors that it meets; along most directions it is far lower, hence a TRUST above 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from generative.word_gradients import Rows

TRUST = 8.0


def least_curvature(rate: float) -> float:
    """From which on a step is shortened, at that rate; infinite for a rate of 0, at which no step is taken."""
    return TRUST / rate if rate > 0 else torch.inf


class Table:
    """Vectors of words [V, D], changed by the row."""

    def __init__(self, vectors: Tensor, whole: bool | None = None):
        """Each step goes through the `whole` table, or touches the rows that ask for it; unsaid, what is quicker."""
        self.vectors = vectors
        self._whole = vectors.device.type != "cpu" if whole is None else whole
        # A workspace: of each row the curvature, and before it the gradient where each step goes through all.
        columns = (vectors.shape[1] + 1,) if self._whole else ()
        self._sums = vectors.new_zeros(len(vectors), *columns)

    def descend(self, parts: list[Rows], least: Tensor) -> None:
        """One step against the sum of the gradients, with `least_curvature` of the rate, a scalar on the device. It
        writes into the gradients of `parts`.
        """
        self._sums.zero_()
        add = self._add_to_all if self._whole else self._add_to_rows
        add(parts, least)

    def _add_to_rows(self, parts: list[Rows], least: Tensor) -> None:
        """Touches the rows of `parts` alone."""
        for rows in parts:
            self._sums.scatter_add_(0, rows.index, rows.curvature)
        for rows in parts:
            steps = _steps(self._sums.index_select(0, rows.index), least)
            if rows.factor is not None:
                steps.mul_(rows.factor)
            # An expanded index is torch's quick path: it sorts, and adds the rows of one index in their order, whatever
            # the number of threads.
            index = rows.index[:, None].expand_as(rows.gradient)
            self.vectors.scatter_add_(0, index, rows.gradient.mul_(steps[:, None]))

    def _add_to_all(self, parts: list[Rows], least: Tensor) -> None:
        """Sorts indices once a part, and then goes through the whole table, which a GPU does in less time."""
        for rows in parts:
            gradient = rows.gradient if rows.factor is None else rows.gradient.mul_(rows.factor[:, None])
            self._sums.index_add_(0, rows.index, torch.cat([gradient, rows.curvature[:, None]], 1))
        gradient, curvature = self._sums[:, :-1], self._sums[:, -1:]
        self.vectors.addcmul_(gradient, _steps(curvature.clone(), least))


def _steps(curvature: Tensor, least: Tensor) -> Tensor:
    """What gradients are multiplied by: minus the rate, or -TRUST / curvature where that is less. In place."""
    return curvature.clamp_(min=least).reciprocal_().mul_(-TRUST)
