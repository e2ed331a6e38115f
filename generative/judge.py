"""The judge of made-up pictures: it holds them against real ones by features, and knows the real ones by then."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from generative.distances import Reference, SampleMetrics, compared


class Judge:
    """Made-up examples against real ones. What is found of the real ones alone is kept until others are given.

    That is their features in float64 and a number or two of each: 5 MB of 10,000 pictures with 64 features. It is a
    function of the pictures, and no part of any state.
    """

    def __init__(self, features: Callable[[Tensor], Tensor], split: str):
        """`features` maps examples [N, ...] to [N, D]; `split` says which the real ones are."""
        self.features, self.split = features, split
        self.name = getattr(features, "name", type(features).__name__)  # of what makes the features
        self._known: tuple[Tensor, Reference] | None = None

    def __call__(self, real: Tensor, made: Tensor, maker: str) -> SampleMetrics:
        """All distances of examples [M, ...] that `maker` made up from real ones [N, ...].

        Real ones are known again by being the same tensor, which nobody may write to in between.
        """
        return compared(
            self._reference(real), self.features(made), features=self.name, split=self.split, maker=maker
        )  # fmt: skip

    def _reference(self, real: Tensor) -> Reference:
        if self._known is None or self._known[0] is not real:
            self._known = real, Reference(self.features(real))
        return self._known[1]
