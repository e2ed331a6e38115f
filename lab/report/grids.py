"""Grids as tables of the page: a confusion table with its mistakes brought out, a map of attention."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.report.records import as_number, as_text

SCHEMA = "lab.grid/1"
MOST_CELLS = 1_600  # beyond, the picture serves better than the numbers
LEAST_WRITTEN = 0.02  # of a row: a smaller weight is left to its colour


@dataclass(frozen=True)
class Cell:
    """A number, the share that shades it, in percent, and whether it counts mistakes."""

    text: str
    shade: int
    wrong: bool
    said: str  # in full, for pointing at it


@dataclass(frozen=True)
class Table:
    """Rows of cells with the names around them."""

    down: str
    across: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    is_confusion: bool

    @property
    def size(self) -> int:
        """How many cells it has."""
        return len(self.rows) * len(self.columns)


def read_grid(path: Path) -> Table | None:
    """The table of a grid's file; None where it is none, is half-written, or is too large to be read as numbers."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        return None
    if not isinstance(raw.get("rows"), list) or not isinstance(raw.get("columns"), list):
        return None
    rows, columns = (tuple(map(as_text, raw[name])) for name in ("rows", "columns"))
    values = _numbers(raw.get("values"), len(rows), len(columns))
    if values is None or not 0 < values.size <= MOST_CELLS:
        return None
    right = raw.get("right") is True
    shares = values / np.maximum(values.sum(1, keepdims=True), 1e-12)
    whole = bool((values == values.round()).all())
    down, across = as_text(raw.get("down")), as_text(raw.get("across"))
    cells = [
        tuple(
            _cell(float(values[i, j]), float(shares[i, j]), right, i == j, whole, f"{row} → {column}")
            for j, column in enumerate(columns)
        )
        for i, row in enumerate(rows)
    ]
    return Table(down, across, columns, tuple(zip(rows, cells)), right)


def _numbers(raw: Any, rows: int, columns: int) -> np.ndarray | None:
    if not isinstance(raw, list) or len(raw) != rows:
        return None
    if any(not isinstance(row, list) or len(row) != columns or None in map(as_number, row) for row in raw):
        return None
    values = np.array(raw, dtype=float).reshape(rows, columns)
    return values if (values >= 0).all() else None


def _cell(value: float, share: float, right: bool, diagonal: bool, whole: bool, where: str) -> Cell:
    """A cell. Mistakes are few and so shaded by the root of their share: one in a hundred is seen."""
    wrong = right and not diagonal
    shade = round(100 * (share**0.5 if wrong else share))
    if whole:
        text = f"{value:,.0f}" if value else ""
        return Cell(text, shade, wrong, f"{where}: {value:,.0f}, {share:.1%} of the row")
    return Cell(f"{value:.2f}".lstrip("0") if share >= LEAST_WRITTEN else "", shade, wrong, f"{where}: {value:.3f}")
