"""Sheets of pictures that show what a generative model does, for a run's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from generative.retrieval import nearest as nearest_codes
from lab.pictures import sheet, tile
from lab.trial import Picture

COLUMNS = 12


def given_back(inputs: Tensor, made: Tensor, columns: int = COLUMNS, rows: int = 3) -> Picture:
    """Inputs [N, C, H, W] in [0, 1], and beneath each its reconstruction."""
    count = min(len(inputs), columns * rows)
    tiles = []
    for start in range(0, count, columns):
        stop = min(start + columns, count)
        pairs = [tile(image) for image in inputs[start:stop]], [tile(image) for image in made[start:stop]]
        blank = [tile(torch.ones_like(inputs[0]))] * (columns - len(pairs[0]) if start else 0)
        tiles += [*pairs[0], *blank, *pairs[1], *blank]
    return Picture(
        sheet(tiles, min(count, columns)), f"{count} test examples, and beneath each row what the code tells of it."
    )


def samples(images: Tensor, columns: int = COLUMNS) -> Picture:
    """Made-up images [N, C, H, W] in [0, 1]."""
    return Picture(sheet([tile(image) for image in images], columns), f"{len(images)} made-up examples.")


def completed(whole: Tensor, known: int, made: Tensor, columns: int = COLUMNS) -> Picture:
    """Pictures [N, C, H, W], what was given of them (their first `known` pixels), and what was drawn to it."""
    given = whole.clone(memory_format=torch.contiguous_format)
    given.flatten(2)[:, :, known:] = 0.5
    rows = [tile(image) for images in (whole, given, made) for image in images[:columns]]
    caption = f"{min(len(whole), columns)} test examples; the part that was given of them; what the model drew to it."
    return Picture(sheet(rows, min(len(whole), columns)), caption)


def interpolated(codes: Tensor, decoded: Callable[[Tensor], Tensor], columns: int = COLUMNS) -> Picture:
    """A row from each code [2 R, K] to the next, along the straight line between them."""
    share = torch.linspace(0, 1, columns, device=codes.device)[:, None]
    lines = [decoded(begin + share * (end - begin)) for begin, end in zip(codes[::2], codes[1::2])]
    tiles = [tile(image) for line in lines for image in line]
    return Picture(sheet(tiles, columns), f"{len(lines)} walks along straight lines between the codes of two examples.")


def neighbours(queries: Tensor, query_codes: Tensor, images: Tensor, codes: Tensor, columns: int = COLUMNS) -> Picture:
    """Each query [Q, C, H, W], framed, and after it the images [N, C, H, W] of the nearest codes."""
    tiles = []
    for query, found in zip(queries, nearest_codes(columns - 1, query_codes, codes)):
        tiles += [tile(query, _QUERY), *(tile(images[i], _FOUND) for i in found)]
    caption = f"{len(queries)} test examples (blue), and the training examples of like codes."
    return Picture(sheet(tiles, columns), caption)


def over_time(kept: Mapping[int, Tensor]) -> Picture:
    """Pictures [N, C, H, W] in [0, 1] of the same codes, by the number of updates after which they were made."""
    tiles = [tile(picture) for pictures in kept.values() for picture in pictures]
    moments = ", ".join(f"{updates:,}" for updates in kept)
    columns = len(tiles) // len(kept)
    caption = f"{columns} examples made up of the same codes after {moments} updates, row by row."
    return Picture(sheet(tiles, columns), caption)


def nearest(made: Tensor, images: Tensor) -> Picture:
    """Made-up pictures [M, C, H, W], and beneath each the training image [N, C, H, W] with the nearest pixels."""
    found = nearest_codes(1, made.flatten(1), images.flatten(1)).squeeze(1)
    tiles = [tile(picture) for picture in [*made, *images[found]]]
    return Picture(sheet(tiles, len(made)), f"{len(made)} made-up examples, and the training images nearest to them.")


_QUERY, _FOUND = (37, 99, 235), (255, 255, 255)
