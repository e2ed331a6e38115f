"""Losses and scores of supervised learning: pure functions of a batch, one value an example."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_NO_CLASS = -100  # the label that torch's cross_entropy passes over


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The negative log-probability of the right class, in nats; of soft labels the mean over their classes.

    logits [B, K]; labels [B] int64 in [0, K), or soft [B, K] whose rows add up to 1; label_smoothing in [0, 1) spreads
    that share of each label evenly over all classes (Szegedy et al. 2016, section 7). Returns [B].
    """
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)


def cross_entropy_of_known(logits: Tensor, labels: Tensor) -> Tensor:
    """As `cross_entropy`, at any number of places; 0 where the label is not one of the K classes, such as in padding.

    logits [..., K]; labels [...] int64. No gradient flows where the loss is 0 for that reason. Returns [...].
    """
    known = labels.where((labels >= 0) & (labels < logits.shape[-1]), _NO_CLASS)
    losses = F.cross_entropy(logits.flatten(0, -2), known.flatten(), reduction="none", ignore_index=_NO_CLASS)
    return losses.reshape(labels.shape)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """1.0 where the largest logit [B, K] is at the label [B] (of soft ones [B, K] the largest), else 0.0: [B]."""
    return (logits.argmax(-1) == (labels if labels.ndim == 1 else labels.argmax(-1))).float()


def squared_error(predicted: Tensor, labels: Tensor) -> Tensor:
    """(predicted - label) ** 2 of each example: [B] and [B] -> [B]. Raises ValueError for labels of another shape."""
    if predicted.shape != labels.shape:
        raise ValueError(
            f"The labels are {list(labels.shape)}, but {list(predicted.shape)} numbers were predicted: each would be "
            "held to every label. Give one label an example, as [B]."
        )
    return (predicted - labels).square()


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The negative log-probability of the right answer to each yes-or-no question, in nats; 0 where it is not known.

    logits [B, T], log-odds of yes; labels [B, T] floating, 1 for yes, 0 for no (or a probability between), NaN where
    missing. Returns [B, T]. Where a label is missing, no gradient flows, whatever the logit is. Raises ValueError for
    labels that are not of that shape and type. Source: Goodfellow et al. 2016, section 6.2.2.2.
    """
    _check_answers(logits, labels)
    missing = labels.isnan()
    # Filled before and after, as NaN times 0 is NaN in the gradient, too.
    losses = F.binary_cross_entropy_with_logits(
        logits.masked_fill(missing, 0.0), labels.masked_fill(missing, 0.0).to(logits.dtype), reduction="none"
    )
    return losses.masked_fill(missing, 0.0)


def mean_of_present(losses: Tensor, labels: Tensor) -> Tensor:
    """The mean of the losses whose label is not NaN, each of one weight: [B, T] and [B, T] -> []; of none it is 0."""
    present = ~labels.isnan()
    return losses.masked_fill(~present, 0.0).sum() / present.sum().clamp_min(1)


def correct_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """1.0 where a logit above 0 meets a label above 1/2, or neither is; else 0.0; NaN where the label is missing.

    logits [B, T]; labels [B, T] as of `binary_cross_entropy`. Returns [B, T], for `nanmean`.
    """
    _check_answers(logits, labels)
    return ((logits > 0) == (labels > 0.5)).float().masked_fill(labels.isnan(), torch.nan)


def _check_answers(logits: Tensor, labels: Tensor) -> None:
    if labels.shape != logits.shape or not labels.is_floating_point():
        raise ValueError(
            f"The labels have shape {list(labels.shape)} and type {labels.dtype}, but the logits have shape "
            f"{list(logits.shape)}, and each needs its own label: 1.0, 0.0, or NaN where it is missing. Give the data "
            "set floating-point labels [N, T], one column a task."
        )
