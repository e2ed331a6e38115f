"""Data held whole on the device: labelled sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Inputs [N, ...] and labels [N, ...]: example i is (inputs[i], labels[i])."""

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(
                f"There are {len(self.inputs)} inputs but {len(self.labels)} labels. Each example needs one of each."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device | str) -> Dataset:
        """The same examples on another device."""
        return Dataset(self.inputs.to(device), self.labels.to(device))

    def subset(self, indices: Tensor) -> Dataset:
        """The examples at `indices` [K], in that order."""
        return Dataset(self.inputs[indices], self.labels[indices])

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, `size` at a time; the last chunk may be smaller."""
        yield from zip(self.inputs.split(size), self.labels.split(size))
