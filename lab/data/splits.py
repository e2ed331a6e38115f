"""Splits: which examples are for training, development and testing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lab.data.dataset import Dataset


def split(dataset: Dataset, shares: Sequence[float], seed: int) -> list[Dataset]:
    """Parts a data set at random into `shares` of it (which add up to 1), by a seed of its own.

    The split belongs to the data, not to the run: all seeds of an experiment are judged on the same examples.
    """
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise ValueError(f"The shares {tuple(shares)} add up to {sum(shares)}. They must be above 0 and add up to 1.")
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    ends = [round(sum(shares[: i + 1]) * len(dataset)) for i in range(len(shares))]
    starts = [0, *ends[:-1]]
    return [dataset.subset(order[start:end].to(dataset.inputs.device)) for start, end in zip(starts, ends)]
