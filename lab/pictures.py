"""Sheets of small images, to look at many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

TILE = 56  # pixels; images are enlarged by whole numbers to at most this
GAP = 6  # pixels between two tiles
FRAME = 3  # pixels of a coloured frame


def tile(image: Tensor, frame: tuple[int, int, int] | None = None) -> np.ndarray:
    """[C, H, W] in [0, 1], of one channel or three -> [T, U, 3] uint8, enlarged, in a frame of that colour."""
    pixels = (image.clamp(0, 1) * 255).byte().cpu().numpy().transpose(1, 2, 0)
    scale = max(1, TILE // max(pixels.shape[:2]))
    large = np.repeat(np.repeat(pixels, scale, 0), scale, 1)
    large = np.broadcast_to(large, (*large.shape[:2], 3))
    if frame is None:
        return large
    framed = np.empty((large.shape[0] + 2 * FRAME, large.shape[1] + 2 * FRAME, 3), np.uint8)
    framed[:] = frame
    framed[FRAME:-FRAME, FRAME:-FRAME] = large
    return framed


def sheet(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size [T, U, 3] in rows of `columns`, on white: [H, W, 3] uint8."""
    height, width, _ = tiles[0].shape
    rows = -(-len(tiles) // columns)
    whole = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for i, each in enumerate(tiles):
        top, left = (i // columns) * (height + GAP) + GAP, (i % columns) * (width + GAP) + GAP
        whole[top : top + height, left : left + width] = each
    return whole
