"""Grids as pictures, for viewers of pictures, and as numbers, for pages that can do better."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from lab.trial import Grid

SCHEMA = "lab.grid/1"
CELL, MARGIN = 0.42, 1.6  # inches: a row or column, and the names beside it
LARGEST = 24.0  # inches of all rows, or of all columns; of more names, each has less
DOTS = 100  # pixels an inch
MOST_WRITTEN = 20  # rows or columns up to which counts are written into their cells


def to_json(grid: Grid) -> str:
    """The numbers with their names; the caption goes beside the file, as those of pictures do."""
    whole = np.issubdtype(grid.values.dtype, np.integer)
    values = [[int(v) if whole else float(f"{v:.4g}") for v in row] for row in grid.values]
    return json.dumps(
        {
            "schema": SCHEMA, "rows": list(grid.rows), "columns": list(grid.columns), "down": grid.down,
            "across": grid.across, "right": grid.right, "values": values,
        },
        ensure_ascii=False,
    )  # fmt: skip


def drawn(grid: Grid) -> np.ndarray:
    """Pixels [H, W, 3] uint8: the darker a cell, the larger its share of its row. Counts are written into the cells."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cells = [min(CELL * names, LARGEST) for names in (len(grid.columns), len(grid.rows))]
    size = (MARGIN + cells[0], MARGIN + cells[1])
    figure = Figure(figsize=size, dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    shares = grid.values / np.maximum(grid.values.sum(1, keepdims=True), 1e-12)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(*_named(grid.columns), rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(*_named(grid.rows))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    if np.issubdtype(grid.values.dtype, np.integer) and max(grid.values.shape) <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(grid.values):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{value:,}", ha="center", va="center", fontsize=7, color=colour)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _named(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Where names stand, and which: of more than there is room for, every so many."""
    places = list(range(0, len(names), max(1, math.ceil(CELL * len(names) / LARGEST))))
    return places, [_plain(names[place]) for place in places]


def _plain(name: str) -> str:
    return name.replace("$", r"\$")  # a dollar would begin a formula
