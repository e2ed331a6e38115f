"""Pictures of what a classifier answers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lab.data import Dataset
from lab.trial import Picture
from supervised.classifier import Classifier

TILE = 56  # pixels; images are enlarged by whole numbers to at most this
GAP = 6  # pixels
RIGHT, WRONG = (34, 139, 84), (200, 60, 50)


def answers(classifier: Classifier, dataset: Dataset, columns: int = 12, rows: int = 4) -> Picture:
    """A sheet of examples [N, C, H, W], the least sure first, framed by whether the answer is right.

    The order is by the probability given to the right class, so mistakes come first: what to look at when the
    error is analysed.
    """
    probabilities = torch.cat([classifier.predict(x).softmax(-1) for x, _ in dataset.chunks(1_024)])
    of_right = probabilities.gather(1, dataset.labels[:, None]).squeeze(1)
    chosen = of_right.argsort(stable=True)[: columns * rows]
    said = probabilities[chosen].argmax(-1)
    right = said == dataset.labels[chosen]
    tiles = [_tile(dataset.inputs[i], bool(ok)) for i, ok in zip(chosen, right)]
    caption = (
        f"The {len(tiles)} of {len(dataset)} test examples of whose class the classifier was least sure, least sure "
        f"first; {int((~right).sum())} are wrong (red frames)."
    )
    return Picture(_sheet(tiles, columns), caption)


def _tile(image: Tensor, right: bool) -> np.ndarray:
    """[C, H, W] in [0, 1] -> [T, T, 3] uint8 with a coloured frame."""
    pixels = (image.clamp(0, 1) * 255).to(torch.uint8).cpu().numpy().transpose(1, 2, 0)
    scale = max(1, TILE // max(pixels.shape[:2]))
    large = np.repeat(np.repeat(pixels, scale, 0), scale, 1)
    large = np.broadcast_to(large, (*large.shape[:2], 3))
    framed = np.empty((large.shape[0] + 6, large.shape[1] + 6, 3), np.uint8)
    framed[:] = RIGHT if right else WRONG
    framed[3:-3, 3:-3] = large
    return framed


def _sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    height, width, _ = tiles[0].shape
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + GAP) + GAP, (i % columns) * (width + GAP) + GAP
        sheet[top : top + height, left : left + width] = tile
    return sheet
