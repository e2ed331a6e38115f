"""Grids on the page: a confusion table by hand, and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lab.media import write_media
from lab.report import write_report
from lab.report.arms import sort_into_experiments
from lab.report.gather import gather
from lab.report.grids import read_grid
from lab.report.media import exhibits
from lab.trial import Grid

COUNTS = np.array([[8, 2], [1, 99]])


def test_a_confusion_table_by_hand(tmp_path: Path) -> None:
    grid = Grid(COUNTS, ["ham", "spam"], ["ham", "spam"], "class", "answer", right=True, caption="said")
    picture = write_media(tmp_path, 20, "confusion", grid)
    assert {path.name for path in tmp_path.iterdir()} == {
        "000000000020-confusion.png", "000000000020-confusion.json", "000000000020-confusion.txt",
    }  # fmt: skip
    table = read_grid(picture.with_suffix(".json"))
    assert table is not None
    assert (table.down, table.across, table.columns, table.size) == ("class", "answer", ("ham", "spam"), 4)
    [(first, (right, wrong)), _] = table.rows
    assert (first, right.text, right.shade, right.wrong) == ("ham", "8", 80, False)
    assert (wrong.text, wrong.shade, wrong.wrong) == ("2", 45, True)  # the root of 0.2
    assert wrong.said == "ham → spam: 2, 20.0% of the row"


def test_weights_are_shaded_as_they_are_and_small_ones_left_to_their_colour(tmp_path: Path) -> None:
    weights = np.array([[0.985, 0.015]])
    write_media(tmp_path, 1, "attention", Grid(weights, ["the"], ["le", "chat"], "word", "looked at"))
    table = read_grid(tmp_path / "000000000001-attention.json")
    assert table is not None
    assert [(cell.text, cell.shade, cell.wrong) for cell in table.rows[0][1]] == [(".98", 98, False), ("", 2, False)]
    assert table.rows[0][1][1].said == "the → chat: 0.015"


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": "lab.grid/2"},
        {"values": [[1, 2]]},
        {"values": [[1, 2], [3]]},
        {"values": [[1, 2], [3, "x"]]},
        {"values": [[1, 2], [3, -1]]},
        {"rows": ["r"] * 50, "columns": ["c"] * 50, "values": [[1] * 50] * 50},
        {"rows": None},
        {"rows": 5},
    ],
)
def test_what_is_no_table_is_shown_as_the_picture_that_lies_beside_it(
    write_run, tmp_path: Path, changed: dict[str, object]
) -> None:
    media = write_run() / "media"
    write_media(media, 20, "confusion", Grid(COUNTS, ["a", "b"], ["a", "b"], "class", "answer", right=True))
    file = media / "000000000020-confusion.json"
    assert _kinds(tmp_path) == ["table"]
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    assert _kinds(tmp_path) == ["picture"]
    file.write_text('{"schema": "lab.grid/1", "val')
    assert _kinds(tmp_path) == ["picture"]
    assert write_report(tmp_path / "runs", tmp_path / "page.html").exists()


def _kinds(tmp_path: Path) -> list[str]:
    return [each.kind for each in exhibits(sort_into_experiments(gather(tmp_path / "runs")))["catch"]]


def test_values_that_fit_no_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[2, 2\], but there are 1 rows and 2 columns"):
        Grid(COUNTS, ["a"], ["a", "b"], "class", "answer")
