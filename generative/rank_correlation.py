"""Spearman's rank correlation: how far two lists of numbers are in the same order."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(values: Tensor) -> Tensor:
    """The place of each value [N] in their order, from 0, float64; equal ones share the mean of their places."""
    _, kinds, counts = values.unique(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0).double()
    return (ends - (counts + 1) / 2)[kinds]


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """The correlation of ranks, -1 to 1, of [N] and [N]; NaN where all values of one are the same.

    Source: Spearman 1904, "The proof and measurement of association between two things".
    """
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"The values are {list(a.shape)} and {list(b.shape)}, but they are pairs [N]. Give as many.")
    if len(a) < 2:
        return float("nan")
    return float(torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1])
