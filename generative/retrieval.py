"""Finding what is alike: how many of the nearest examples are of the same class."""

from __future__ import annotations

import torch
from torch import Tensor

QUERIES = 1_000  # at a time


def precision_at(count: int, queries: Tensor, labels: Tensor, codes: Tensor, of_codes: Tensor) -> Tensor:
    """The share of the `count` nearest codes [N, K] whose class is the query's, over all queries [Q, K].

    By Euclidean distance; labels are [Q] and [N].
    """
    if not 1 <= count <= len(codes):
        raise ValueError(f"count is {count}, but of {len(codes)} codes 1 to {len(codes)} can be the nearest.")
    right = []
    for part, wanted in zip(queries.split(QUERIES), labels.split(QUERIES)):
        found = torch.cdist(part, codes).topk(count, largest=False).indices
        right.append((of_codes[found] == wanted[:, None]).double().mean(1))
    return torch.cat(right).mean()
