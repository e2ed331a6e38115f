"""Masked convolutions: each value sees only those before it, line by line, from left to right, and colour by colour.

Source: van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel recurrent neural networks",
https://arxiv.org/abs/1601.06759, section 3.4.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kind = Literal["A", "B"]


class MaskedConvolution(nn.Conv2d):
    """[B, in, H, W] -> [B, out, H, W], from what is before each value, and with kind B from itself, too.

    The first layer is of kind A, since its inputs are the values that are to be told; those after it are of kind B, as
    a feature of a value knows nothing of that value itself.

    Of pictures with several colours, each map belongs to one: map i to colour i modulo their number. At its own pixel,
    a map sees those of the colours before its own, and with kind B those of its own.
    """

    mask: Tensor

    def __init__(
        self,
        kind: Kind,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],  # pixels: of a side, or height and width
        colours: int = 1,
    ):
        """Raises ValueError for a kernel without a middle pixel, and for maps that colours cannot share evenly."""
        height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        if min(height, width) < 1 or height % 2 == 0 or width % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, but a mask needs a middle pixel. Give an odd number.")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % colours:
                raise ValueError(
                    f"{name} is {channels}, but {colours} colours have as many maps each. Give a multiple of {colours}."
                )
        super().__init__(in_channels, out_channels, (height, width), padding=(height // 2, width // 2))
        mask = torch.zeros(out_channels, in_channels, height, width)
        mask[:, :, : height // 2] = 1
        mask[:, :, height // 2, : width // 2] = 1
        mine, theirs = torch.arange(out_channels)[:, None] % colours, torch.arange(in_channels) % colours
        mask[:, :, height // 2, width // 2] = (theirs < mine if kind == "A" else theirs <= mine).float()
        self.register_buffer("mask", mask, persistent=False)
        # He et al. 2015, equation 10, of the inputs that are seen: torch counts those behind the mask as well, of which
        # wide kernels have many.
        seen = max(1.0, float(mask.sum()) / out_channels)  # on average: colours see differently many
        nn.init.normal_(self.weight, 0.0, sqrt(2 / seen))
        nn.init.uniform_(self.bias, -1e-4, 1e-4)  # type: ignore[arg-type] # not 0: there ReLU has its kink

    def forward(self, inputs: Tensor) -> Tensor:
        # The rows below a value's own are left out instead of multiplied by 0: two thirds of the time at 11 x 11.
        above, beside = self.kernel_size[0] // 2, self.kernel_size[1] // 2
        weight = self.weight[:, :, : above + 1] * self.mask[:, :, : above + 1]
        if above:  # a pad by nothing would copy
            inputs = F.pad(inputs, (0, 0, above, 0))
        return F.conv2d(inputs, weight, self.bias, padding=(0, beside))
