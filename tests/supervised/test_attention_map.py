"""Attention drawn: dark where much is looked at, and room for every word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from supervised.attention_map import attention_map

SOURCE, OUTPUT = ["le", "chat", "coûte", "$"], ["the", "cat", "costs", "$"]


def test_a_dark_cell_stands_where_a_word_looks() -> None:
    weights = torch.eye(5, 4)
    weights[4, 3] = 1.0
    picture = attention_map(SOURCE, OUTPUT, weights, "le chat -> the cat")
    assert picture.caption == "le chat -> the cat"
    assert (picture.pixels.dtype, picture.pixels.shape[2]) == (np.uint8, 3)
    # The map is what is blue: red is far below blue there alone, and more so the darker it is.
    blue = picture.pixels[..., 2].astype(int) - picture.pixels[..., 0]
    rows, columns = np.where(blue > 60)
    assert rows.size
    cell = (rows.max() - rows.min() + 1) / 5, (columns.max() - columns.min() + 1) / 4
    for i in range(5):
        for j in range(4):
            middle = blue[int(rows.min() + (i + 0.5) * cell[0]), int(columns.min() + (j + 0.5) * cell[1])]
            assert (middle > 60) == bool(weights[i, j])


def test_more_words_take_more_room() -> None:
    small = attention_map(["a"], ["b"], torch.ones(2, 1)).pixels.shape
    large = attention_map(["a"] * 12, ["b"] * 9, torch.ones(10, 12) / 12).pixels.shape
    assert large[0] - small[0] == 8 * 42
    assert large[1] - small[1] == 11 * 42


def test_weights_of_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[4, 4\], but 4 output words and the end look at 4 source words"):
        attention_map(SOURCE, OUTPUT, torch.ones(4, 4))
