"""Whether the order of candidates at one budget foretold that at the next; if not, early stopping stops the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LITTLE = 0.3  # a rank correlation below which an order foretold little
FEWEST = 5  # candidates of which a correlation says anything


@dataclass(frozen=True)
class Foretold:
    """How well it did so, of those that went on."""

    before: int  # steps
    after: int
    candidates: int
    correlation: float | None  # of their ranks (Spearman 1904); None where there is no order, as all are alike

    @classmethod
    def of(cls, before: int, after: int, scores: Sequence[tuple[float | None, float | None]]) -> Foretold:
        """From the scores at both budgets; what has none at one of them is passed over."""
        both = [(one, two) for one, two in scores if one is not None and two is not None]
        if not both or any(len(set(side)) < 2 for side in zip(*both)):
            return cls(before, after, len(both), None)
        ranks = [_ranks(side) for side in zip(*both)]
        return cls(before, after, len(both), float(np.corrcoef(ranks)[0, 1]))

    @property
    def warning(self) -> str:
        """In words, where the best may have been stopped early; else nothing."""
        if self.correlation is None or self.correlation >= LITTLE or self.candidates < FEWEST:
            return ""
        return (
            f"the order at {self.before:,} steps hardly foretold that at {self.after:,} (rank correlation "
            f"{self.correlation:.2f} of {self.candidates}), so the best may have been stopped early"
        )


def _ranks(values: Sequence[float]) -> np.ndarray:
    """The place of each from the lowest; equal ones share the middle of theirs."""
    ordered = np.sort(values)
    return np.asarray(np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
