"""Grids as pictures: dark where a share is large, with room for every name."""

from __future__ import annotations

import numpy as np

from lab.grids import drawn
from lab.trial import Grid

ROWS, COLUMNS = ["the", "cat", "costs", "$", "(end)"], ["le", "chat", "coûte", "$"]


def test_a_dark_cell_stands_where_a_share_is_large() -> None:
    weights = np.eye(5, 4)
    weights[4, 3] = 1.0
    pixels = drawn(Grid(weights, ROWS, COLUMNS, "word", "looked at"))
    assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 3)
    # The map is what is blue: red is far below blue there alone, and more so the darker it is.
    blue = pixels[..., 2].astype(int) - pixels[..., 0]
    rows, columns = np.where(blue > 60)
    assert rows.size
    cell = (rows.max() - rows.min() + 1) / 5, (columns.max() - columns.min() + 1) / 4
    for i in range(5):
        for j in range(4):
            middle = blue[int(rows.min() + (i + 0.5) * cell[0]), int(columns.min() + (j + 0.5) * cell[1])]
            assert (middle > 60) == bool(weights[i, j])


def test_more_names_take_more_room() -> None:
    small = drawn(Grid(np.ones((2, 1)), ["b", "(end)"], ["a"], "word", "looked at")).shape
    large = drawn(Grid(np.ones((10, 12)), ["b"] * 10, ["a"] * 12, "word", "looked at")).shape
    assert large[0] - small[0] == 8 * 42
    assert large[1] - small[1] == 11 * 42


def test_counts_are_written_into_their_cells() -> None:
    names = ["a", "b"]
    counts = drawn(Grid(np.array([[0, 9], [9, 0]]), names, names, "class", "answer", right=True))
    bare = drawn(Grid(np.array([[0.0, 9.0], [9.0, 0.0]]), names, names, "class", "answer", right=True))
    assert counts.shape == bare.shape
    assert (counts != bare).any()
