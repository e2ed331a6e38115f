"""Pixels as bits: each is 1 with the probability that its brightness states.

Source: Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", section 6, for the fixed
draw that likelihoods on MNIST are stated of; theirs is a file of its own, ours another draw of the same kind.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.data.augmentation import Augment
from lab.data.dataset import Dataset


def drawn() -> Augment:
    """Dynamic binarisation: the bits of a batch are drawn anew each time, from inputs [B, ...] in [0, 1]."""

    def bits(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return (torch.rand(inputs.shape, generator=generator, device=inputs.device) < inputs).to(inputs.dtype)

    return bits


def binarised(dataset: Dataset, seed: int) -> Dataset:
    """Static binarisation: bits that are drawn once, on the host, so that they are the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    inputs = drawn()(dataset.inputs.cpu(), generator)
    return Dataset(inputs.to(dataset.inputs.device), dataset.labels)
