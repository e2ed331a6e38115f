"""The loss of a model that has learnt nothing yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

NEAR = 0.5  # nats that the first loss of a classifier may lie from that of even odds
LEAST, MOST = 0.1, 4.0  # the mean square of a few normalised labels, and of what an untrained head adds


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The loss to be found before anything is learnt, and the labels that it is made for.

    An untrained head says about the same of every input. If the loss begins far above that, the head is sure of answers
    it cannot know, and the first updates are spent on unlearning them; if far below, the labels or the loss are not
    what they are thought to be.
    """

    loss: float  # without penalties
    reason: str  # where that number comes from: "log of 10 classes"
    low: float  # the loss should lie from here
    high: float  # to here, without penalties
    penalty: float = 0.0  # what regularisation adds
    labels: Tensor | None = None  # those in the loss, NaN where one is missing (not all are)
    label_range: tuple[float, float] = (-math.inf, math.inf)  # the lowest and the highest that the loss is made for

    @classmethod
    def of_classes(
        cls, num_classes: int, labels: Tensor, penalty: float = 0.0, reason: str | None = None
    ) -> Expectation:
        """Of a cross-entropy: its logarithm with even odds, give or take half a nat.

        labels are numbers of classes, or, if floating, probabilities. The half nat leaves room for logits of standard
        deviation 1, and for the luck of few examples.
        """
        even = math.log(num_classes)
        return cls(
            loss=even,
            reason=reason or f"log of {num_classes} classes",
            low=even - NEAR,
            high=even + NEAR,
            penalty=penalty,
            labels=labels,
            label_range=(0, 1) if labels.is_floating_point() else (0, num_classes - 1),
        )

    @classmethod
    def of_normalised(cls, penalty: float = 0.0) -> Expectation:
        """Of a squared error of normalised labels: their variance, 1, if the head says the mean of every input.

        A dozen labels at random have another mean square, and the head adds its own, so the range is wide: 0.1 to 4.
        """
        return cls(loss=1.0, reason="variance of normalised labels", low=LEAST, high=MOST, penalty=penalty)
