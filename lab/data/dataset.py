"""Data held whole on the device: labelled sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor


def fingerprint_of(*tensors: Tensor) -> str:
    """SHA-256, in hex, of what is in them, wherever they lie."""
    found = sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype}{list(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


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

    def fingerprint(self) -> str:
        """Equal for the same examples in the same order, as their labels tell them.

        Of the inputs only the shape counts: what is computed on another machine may differ in its last bits.
        """
        return fingerprint_of(torch.tensor(self.inputs.shape), self.labels)

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, `size` at a time; the last chunk may be smaller."""
        yield from zip(self.inputs.split(size), self.labels.split(size))
