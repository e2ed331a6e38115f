"""Finding what is alike: the nearest examples, and how many of them are of the same class."""

from __future__ import annotations

import torch
from torch import Tensor

QUERIES = 1_000  # at a time


def nearest(count: int, queries: Tensor, codes: Tensor) -> Tensor:
    """The numbers of the `count` nearest codes [N, K] of each query [Q, K], int64 [Q, count], the nearest first.

    By Euclidean distance. torch expands |a - b|² into products, of which float32 leaves nothing where codes lie far
    from the origin and close to each other; hence their mean is taken off, and float64. Raises ValueError where there
    are not as many codes.
    """
    if not 1 <= count <= len(codes):
        raise ValueError(f"count is {count}, but of {len(codes)} codes 1 to {len(codes)} can be the nearest.")
    middle = codes.mean(0, dtype=torch.float64)
    centred = codes.double() - middle
    parts = ((part.double() - middle) for part in queries.split(QUERIES))
    return torch.cat([torch.cdist(part, centred).topk(count, largest=False).indices for part in parts])


def precision_at(count: int, queries: Tensor, labels: Tensor, codes: Tensor, of_codes: Tensor) -> Tensor:
    """The share of the `count` nearest codes [N, K] whose class is the query's, over all queries [Q, K].

    Labels are [Q] and [N]. Raises ValueError as `nearest` does.
    """
    return (of_codes[nearest(count, queries, codes)] == labels[:, None]).double().mean()
