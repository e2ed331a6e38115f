"""Tables of numbers: CSV and TSV files with a header line."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from lab.data.dataset import Dataset
from lab.data.text import number_classes, place, read_text, shown
from lab.names import did_you_mean

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class Table:
    """A table's rows as examples: inputs float32 [N, F], labels int64 [N] for classes or float32 [N] for numbers."""

    dataset: Dataset
    features: tuple[str, ...]  # the columns that the inputs come from, in the order of the axis F
    classes: tuple[str, ...]  # label i is classes[i]; empty for numbers


def read_table(
    path: str | Path,
    *,
    target: str,
    features: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    kind: Literal["classes", "numbers"],
) -> Table:
    """Reads .csv (commas), .tsv or .txt (tabs), each also as .gz: UTF-8, the first line naming the columns.

    `target` is the column to predict, `features` those to predict it from (all others, if not given): numbers only.
    Columns that are neither are not looked at. `classes` fixes which labels the names in `target` get; if not given,
    they are the names found, sorted as text. Spaces around a cell and empty lines do not count.
    Raises ValueError, which names the file, the line and the column, for what is no such table.
    """
    path = Path(path)
    if kind not in ("classes", "numbers"):
        raise ValueError(f"kind is {kind!r}, but a target holds 'classes' or 'numbers'. Choose one of them.")
    if kind == "numbers" and classes is not None:
        raise ValueError(
            f"classes is {tuple(classes)}, but kind is 'numbers'. Leave classes out or set kind='classes'."
        )
    rows = _rows(path, _separator(path))
    line, header = next(rows)
    _check_header(path, line, header, target)
    chosen = tuple(name for name in header if name != target) if features is None else tuple(features)
    _check_features(path, chosen, header, target)

    feature_columns, target_column = [header.index(name) for name in chosen], header.index(target)
    inputs, numbers = array("f"), array("f")
    lines: list[int] = []
    names: list[str] = []
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"{place(path, line)}: the row has {len(cells)} cells, but the header names {len(header)} columns. "
                f"Give it one cell a column; a cell that holds the separator stands in double quotes."
            )
        inputs.extend([_number(cells[column], path, line, header[column]) for column in feature_columns])
        if kind == "numbers":
            numbers.append(_number(cells[target_column], path, line, target))
        elif cells[target_column]:
            names.append(cells[target_column])
        else:
            raise ValueError(_hole(path, line, target))
        lines.append(line)
    if not lines:
        raise ValueError(f"{path} has a header but no rows, so it holds no example. Add one row an example.")

    # The tensor shares the array's memory, which a large table would otherwise take twice.
    examples = torch.frombuffer(inputs, dtype=torch.float32).view(len(lines), -1)  # [N, F]
    if kind == "numbers":
        return Table(Dataset(examples, torch.frombuffer(numbers, dtype=torch.float32)), chosen, ())
    labels, known = number_classes(path, lines, names, classes, target)
    return Table(Dataset(examples, labels), chosen, known)


def _separator(path: Path) -> str:
    ending = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    if ending not in SEPARATORS:
        raise ValueError(
            f"{path.name!r} is no table by its ending: .csv has commas, .tsv and .txt have tabs, and .gz may follow "
            f"each. Rename it, or export it as one of these."
        )
    return SEPARATORS[ending]


def _rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row, with the line it starts on; the header is one. Empty lines are none."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(
                f"{place(path, line)}: the row that starts here cannot be read ({error}). Close each double quote that "
                f"opens a cell, and write one within such a cell twice."
            ) from error
        if cells is None:
            return
        if cells:
            yield line, [cell.strip() for cell in cells]


def _check_header(path: Path, line: int, header: list[str], target: str) -> None:
    if target not in header and all(_parsed(name) is not None for name in header):
        raise ValueError(
            f"{place(path, line)}: the file has no header, for its first line holds only numbers. "
            f"Begin it with a line that names the columns."
        )
    if "" in header:
        raise ValueError(
            f"{place(path, line)}: column {header.index('') + 1} has no name. Name it, or remove it; "
            f"of pandas, `to_csv(..., index=False)` writes no column without a name."
        )
    twice = next((name for index, name in enumerate(header) if name in header[:index]), None)
    if twice is not None:
        first = header.index(twice)
        raise ValueError(
            f"{place(path, line)}: columns {first + 1} and {header.index(twice, first + 1) + 1} are both called "
            f"{twice!r}. Rename one of them."
        )
    if target not in header:
        raise ValueError(
            f"{place(path, line)}: the header has no target column {target!r}. {did_you_mean(target, header)}"
        )


def _check_features(path: Path, features: tuple[str, ...], header: list[str], target: str) -> None:
    if not features:
        raise ValueError(f"{path} gives no features to predict {target!r} from. Name at least one column besides it.")
    if target in features:
        raise ValueError(
            f"{target!r} is both the target and a feature, which gives the answer away. Take it out of features."
        )
    if len(set(features)) < len(features):
        raise ValueError(f"features is {features}, which names a column twice. Name each column once.")
    for name in features:
        if name not in header:
            others = [column for column in header if column != target]
            raise ValueError(f"{path} has no feature column {name!r}. {did_you_mean(name, others)}")


def _number(cell: str, path: Path, line: int, column: str) -> float:
    number = _parsed(cell)
    if not cell:
        raise ValueError(_hole(path, line, column))
    if number is None:
        raise ValueError(
            f"{place(path, line, column)}: {shown(cell)} is no number. Write it as one, or leave the column out by "
            f"naming the others as features."
        )
    if math.isnan(number) or abs(number) > LARGEST:
        raise ValueError(
            f"{place(path, line, column)}: {shown(cell)} is no finite float32 (at most {LARGEST:.2g} in size). "
            f"Correct it, or remove the row."
        )
    return number


def _parsed(cell: str) -> float | None:
    if "_" in cell:  # Python reads 2021_03 as 202103, but in a table it is a name
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _hole(path: Path, line: int, column: str) -> str:
    return f"{place(path, line, column)}: the cell is empty. Fill it in, or remove the row."
