"""Losses and scores of supervised learning: pure functions of a batch, one value an example."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The negative log-probability of the right class, in nats; of soft labels the mean over their classes.

    logits [B, K]; labels [B] int64 in [0, K), or soft [B, K] whose rows add up to 1; label_smoothing in [0, 1) spreads
    that share of each label evenly over all classes (Szegedy et al. 2016, section 7). Returns [B].
    """
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """1.0 where the largest logit [B, K] is at the label [B] (of soft ones [B, K] the largest), else 0.0: [B]."""
    return (logits.argmax(-1) == (labels if labels.ndim == 1 else labels.argmax(-1))).float()


def squared_error(predicted: Tensor, labels: Tensor) -> Tensor:
    """(predicted - label) ** 2 of each example: [B] and [B] -> [B]."""
    return (predicted - labels).square()
