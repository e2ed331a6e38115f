"""A data set whose examples are numbers, and numbers drawn by chance."""

from __future__ import annotations

import torch
from torch import Tensor

from lab.data import Dataset


def numbered(size: int) -> Dataset:
    """Example i is (i, 10 i)."""
    return Dataset(torch.arange(size), torch.arange(size) * 10)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=seeded(99)).to(dtype)
