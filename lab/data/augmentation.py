"""Augmentation: changes of inputs that leave their labels true, a whole batch at once on its device.

Every augment draws from the generator it is handed and from nothing else, and returns new, contiguous memory of its
input's shape, type and device. Draws depend on the size of the batch alone, never on a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""(inputs [B, ...], a generator on their device) -> inputs [B, ...]: a whole batch at once."""


def compose(*augments: Augment) -> Augment:
    """One augment after another, each drawing where the one before left the generator; of none, a copy."""

    def composed(inputs: Tensor, generator: torch.Generator) -> Tensor:
        changed = inputs.clone(memory_format=torch.contiguous_format)
        for augment in augments:
            changed = augment(changed, generator)
        return changed

    return composed


def flip(probability: float = 0.5) -> Augment:
    """Mirrors each image [B, C, H, W] left to right, by a chance of its own."""
    _check_probability(probability)

    def flipped(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, _, _ = extent(images)
        chosen = torch.rand(batch, 1, 1, 1, generator=generator, device=images.device) < probability
        return torch.where(chosen, images.flip(-1), images).contiguous()

    return flipped


def shift(pixels: int) -> Augment:
    """Moves each image [B, C, H, W] by up to `pixels` up or down and left or right, padding with zeros."""
    return crop(pixels, "zeros")


def crop(padding: int, fill: Literal["zeros", "reflect"] = "zeros") -> Augment:
    """Widens each image [B, C, H, W] by `padding` pixels on every side and cuts a window of the old size at random.

    "zeros" fills the margin with 0, "reflect" with the image mirrored at its outermost pixels, which do not repeat.
    All (2 padding + 1)^2 windows are equally likely. Source: He et al. 2016, "Deep residual learning", section 4.2.
    """
    if padding < 0:
        raise ValueError(f"The padding is {padding} pixels, but a margin cannot be negative. Set it to 0 or more.")
    if fill not in ("zeros", "reflect"):
        raise ValueError(f"fill is {fill!r}, which names no way to fill a margin. Choose 'zeros' or 'reflect'.")

    def cropped(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, height, width = extent(images)
        if fill == "reflect" and padding >= min(height, width):
            raise ValueError(
                f"The padding is {padding} pixels, but images of {height} x {width} hold only "
                f"{min(height, width) - 1} beyond the edge that mirrors them. Lower the padding to that, or fill with "
                "'zeros'."
            )
        offsets = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator, device=images.device)
        padded = torch.nn.functional.pad(images, (padding,) * 4, mode="reflect" if fill == "reflect" else "constant")
        rows = torch.arange(height, device=images.device) + offsets[0]  # [B, H]
        columns = torch.arange(width, device=images.device) + offsets[1]  # [B, W]
        examples = torch.arange(batch, device=images.device)[:, None, None]
        # Indices around a slice put the indexed axes first: [B, H, W, C].
        return padded[examples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()

    return cropped


def erase(
    probability: float, share: tuple[float, float] = (0.02, 0.33), aspect: tuple[float, float] = (0.3, 3.3)
) -> Augment:
    """Sets one rectangle of each chosen image [B, C, H, W] to 0, in all channels.

    share (lowest, highest) of the image's area that the rectangle takes, before its sides are rounded to pixels;
    aspect (lowest, highest) is its height over its width. Both are drawn uniformly, and the place among all where it
    fits. Source: Zhong et al. 2017, "Random erasing data augmentation", algorithm 1. There a rectangle that sticks out
    is drawn anew; here its aspect is first clipped to what fits, which keeps its area and needs no loop.
    """
    _check_probability(probability)
    if not 0 < share[0] <= share[1] <= 1:
        raise ValueError(
            f"share is {share}, but a rectangle takes a share of its image above 0 and at most 1. Give the lowest and "
            "the highest in that order."
        )
    if not 0 < aspect[0] <= aspect[1] < math.inf:
        raise ValueError(
            f"aspect is {aspect}, but a height over a width is a finite number above 0. Give the lowest and the "
            "highest in that order."
        )

    def erased(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, height, width = extent(images)
        draws = torch.rand(5, batch, generator=generator, device=images.device)
        areas = (share[0] + (share[1] - share[0]) * draws[1]) * (height * width)  # [B] square pixels
        aspects = aspect[0] + (aspect[1] - aspect[0]) * draws[2]
        # A rectangle is no wider than its image from areas / width^2 on, and no higher up to height^2 / areas.
        aspects = aspects.clamp(areas / width**2, height**2 / areas)
        heights = (areas * aspects).sqrt().round().clamp(1, height)
        widths = (areas / aspects).sqrt().round().clamp(1, width)
        tops = (draws[3] * (height - heights + 1)).floor()
        lefts = (draws[4] * (width - widths + 1)).floor()
        rows = _between(tops, tops + heights, height) & (draws[0] < probability)[:, None]  # [B, H]
        columns = _between(lefts, lefts + widths, width)  # [B, W]
        # Filled rather than multiplied, as 0 * inf is not 0.
        return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0).contiguous()

    return erased


def _between(first: Tensor, end: Tensor, size: int) -> Tensor:
    """Which of the places 0..size - 1 lie in [first, end), both [B]; returns [B, size]."""
    places = torch.arange(size, device=first.device)
    return (places >= first[:, None]) & (places < end[:, None])


def extent(images: Tensor) -> tuple[int, int, int]:
    """Batch, height and width of images [B, C, H, W]; raises ValueError for inputs of other axes."""
    if images.ndim != 4:
        raise ValueError(
            f"The inputs have shape {list(images.shape)}, but this augment moves pixels, so it needs the four axes "
            "[batch, channels, height, width]. Give the data set images of that shape, or choose no such augment."
        )
    return images.shape[0], images.shape[2], images.shape[3]


def _check_probability(probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}, but a chance lies between 0 and 1. Choose one of those.")
