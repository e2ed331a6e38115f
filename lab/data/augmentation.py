"""Augmentation: changes of inputs that leave their labels true, a whole batch at once on its device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""(inputs [B, ...], a generator on their device) -> inputs [B, ...]: a whole batch at once."""


def shift(pixels: int) -> Augment:
    """Moves each image [B, C, H, W] by up to `pixels` up or down and left or right, padding with zeros."""

    def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, _, height, width = images.shape
        offsets = torch.randint(0, 2 * pixels + 1, (2, batch, 1), generator=generator, device=images.device)
        padded = torch.nn.functional.pad(images, (pixels,) * 4)
        rows = torch.arange(height, device=images.device) + offsets[0]  # [B, H]
        columns = torch.arange(width, device=images.device) + offsets[1]  # [B, W]
        examples = torch.arange(batch, device=images.device)[:, None, None]
        # Indices around a slice put the indexed axes first: [B, H, W, C].
        return padded[examples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()

    return shifted
