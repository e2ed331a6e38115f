"""Gradient steps on rows of tables, each no longer than its row's curvature can bear.

Many gradients of a frequent word's row are found at the same place, where plain descent would have moved the row
between them; their plain sum overshoots and diverges. A step along a row is safe up to about 2 / curvature, so it is
shortened where the rate asks for more than `TRUST` / curvature. The curvature is a bound by the row's errors and the
lengths of the vectors that it meets; along most directions it is far lower, hence a TRUST above 2.
"""

from __future__ import annotations

from torch import Tensor

from generative.word_gradients import Rows

TRUST = 8.0


class Table:
    """Vectors of words [V, D], changed by the row."""

    def __init__(self, vectors: Tensor):
        self.vectors = vectors
        self._bent = vectors.new_zeros(len(vectors))  # a workspace

    def descend(self, parts: list[Rows], rate: float) -> None:
        """One step against the sum of the gradients. It writes into those of `parts`."""
        self._bent.zero_()
        for rows in parts:
            self._bent.scatter_add_(0, rows.index, rows.curvature)
        for rows in parts:
            steps = self._bent.index_select(0, rows.index).clamp_(min=TRUST / rate).reciprocal_().mul_(-TRUST)
            # Rate x gradient, or TRUST / curvature x gradient where that is less. An expanded index is torch's quick
            # path: it sorts, and adds the rows of one index in their order, whatever the number of threads.
            index = rows.index[:, None].expand_as(rows.gradient)
            self.vectors.scatter_add_(0, index, rows.gradient.mul_(steps[:, None]))
