"""Sheets of images."""

from __future__ import annotations

import numpy as np
import torch

from lab.pictures import FRAME, GAP, TILE, sheet, tile


def test_a_tile_is_enlarged_by_a_whole_number_and_framed() -> None:
    image = torch.tensor([[[0.0, 1.0, 0.5], [0.2, -3.0, 7.0]]])  # [1, 2, 3]
    plain = tile(image)
    scale = TILE // 3
    assert plain.shape == (2 * scale, 3 * scale, 3)
    assert plain[0, scale].tolist() == [255, 255, 255]
    assert plain[scale, 0].tolist() == [51, 51, 51]
    assert plain[-1, scale].tolist() == [0, 0, 0]  # clipped
    framed = tile(image, (1, 2, 3))
    assert framed[0, 0].tolist() == [1, 2, 3]
    assert np.array_equal(framed[FRAME:-FRAME, FRAME:-FRAME], plain)


def test_colours_stay_and_large_images_are_not_shrunk() -> None:
    image = torch.rand(3, 100, 60)
    assert np.array_equal(tile(image), (image * 255).byte().numpy().transpose(1, 2, 0))


def test_a_sheet_is_filled_row_by_row_on_white() -> None:
    tiles = [np.full((4, 5, 3), number, np.uint8) for number in range(3)]
    whole = sheet(tiles, columns=2)
    assert whole.shape == (2 * (4 + GAP) + GAP, 2 * (5 + GAP) + GAP, 3)
    assert whole[GAP, GAP + 5 + GAP].tolist() == [1, 1, 1]
    assert whole[GAP + 4 + GAP, GAP].tolist() == [2, 2, 2]
    assert (whole[-1 - GAP, -1 - GAP] == 255).all()
