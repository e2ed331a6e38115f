"""Masked convolutions: each pixel sees only those before it, line by line and from left to right.

Source: van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel recurrent neural networks",
https://arxiv.org/abs/1601.06759, section 3.4.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["A", "B"]


class MaskedConvolution(nn.Conv2d):
    """[B, in, H, W] -> [B, out, H, W], from the pixels before each, and with kind B from itself, too.

    The first layer is of kind A, since its inputs are the pixels that are to be told; those after it are of kind B, as
    a feature of a pixel knows nothing of that pixel's own value.
    """

    mask: Tensor

    def __init__(self, kind: Kind, in_channels: int, out_channels: int, kernel_size: int):
        """Raises ValueError for a kernel without a middle pixel."""
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, but a mask needs a middle pixel. Give an odd number.")
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        before = torch.zeros(kernel_size, kernel_size)
        middle = kernel_size // 2
        before[:middle] = 1
        before[middle, : middle + (kind == "B")] = 1
        self.register_buffer("mask", before, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self._conv_forward(inputs, self.weight * self.mask, self.bias)
