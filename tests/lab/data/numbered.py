"""A data set whose examples are numbers."""

from __future__ import annotations

import torch

from lab.data import Dataset


def numbered(size: int) -> Dataset:
    """Example i is (i, 10 i)."""
    return Dataset(torch.arange(size), torch.arange(size) * 10)
