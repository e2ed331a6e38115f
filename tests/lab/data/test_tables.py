"""Tables of numbers from CSV and TSV: right values, and errors that say where."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.data import Table, read_table

FLOWERS = "height,width,kind\n1.5,2,rose\n-3e-1, 4 ,aster\n5,.25,rose\n"
Writes = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Writes:
    """Writes a table and returns its path."""

    def write(content: str | bytes, name: str = "table.csv") -> Path:
        raw = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(gzip.compress(raw) if name.lower().endswith(".gz") else raw)
        return tmp_path / name

    return write


def values(table: Table) -> tuple[list[list[float]], list[float]]:
    return table.dataset.inputs.tolist(), table.dataset.labels.tolist()


def fails(path: Path, *parts: str, **settings: object) -> None:
    """Reading fails with the file's name and each part, in that order."""
    settings = {"target": "kind", "kind": "classes", **settings}
    with pytest.raises(ValueError, match=".*".join(re.escape(part) for part in (path.name, *parts))):
        read_table(path, **settings)  # type: ignore[arg-type]


def test_classes(written: Writes) -> None:
    table = read_table(written(FLOWERS), target="kind", kind="classes")
    assert table.features == ("height", "width")
    assert table.classes == ("aster", "rose")
    assert values(table) == ([[1.5, 2.0], [float(np.float32(-0.3)), 4.0], [5.0, 0.25]], [1, 0, 1])
    assert (table.dataset.inputs.dtype, table.dataset.labels.dtype) == (torch.float32, torch.int64)


def test_numbers(written: Writes) -> None:
    table = read_table(str(written("a,b,c\n1,2,3\n4,5,6\n")), target="b", kind="numbers")
    assert (table.features, table.classes) == (("a", "c"), ())
    assert values(table) == ([[1.0, 3.0], [4.0, 6.0]], [2.0, 5.0])
    assert (table.dataset.inputs.dtype, table.dataset.labels.dtype) == (torch.float32, torch.float32)


def test_chosen_features_keep_their_order_and_other_columns_are_not_looked_at(written: Writes) -> None:
    path = written("name,a,b,y\nAda,1,2,3\n,4,5,6\n")
    table = read_table(path, target="y", features=["b", "a"], kind="numbers")
    assert table.features == ("b", "a")
    assert values(table) == ([[2.0, 1.0], [5.0, 4.0]], [3.0, 6.0])


def test_given_classes_fix_the_labels(written: Writes) -> None:
    table = read_table(written(FLOWERS), target="kind", classes=["rose", "tulip", "aster"], kind="classes")
    assert table.classes == ("rose", "tulip", "aster")
    assert table.dataset.labels.tolist() == [0, 2, 0]


@pytest.mark.parametrize("name", ["t.csv", "t.CSV", "t.csv.gz", "t.tsv", "t.txt", "t.tsv.gz", "t.txt.GZ"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_every_ending_says_the_same(written: Writes, name: str, mark: str, end: str) -> None:
    content = FLOWERS.replace("\n", end) if ".csv" in name.lower() else FLOWERS.replace(",", "\t").replace("\n", end)
    read = read_table(written(mark + content, name), target="kind", kind="classes")
    expected = read_table(written(FLOWERS, "expected.csv"), target="kind", kind="classes")
    assert values(read) == values(expected)
    assert (read.features, read.classes) == (expected.features, expected.classes)


def test_quotes_spaces_empty_lines_and_a_last_line_without_an_end(written: Writes) -> None:
    path = written('\n"a ""x"" ,b", y\n\n"1", "sly, red fox"\n\n 2 ,cat')
    with pytest.raises(ValueError, match=r"line 4: the row has 3 cells"):  # a quote after a space opens nothing
        read_table(path, target="y", kind="classes")
    table = read_table(written('\n"a ""x"" ,b", y\n\n"1","sly, red fox"\n\n 2 ,Kätzchen'), target="y", kind="classes")
    assert table.features == ('a "x" ,b',)
    assert table.classes == ("Kätzchen", "sly, red fox")
    assert values(table) == ([[1.0], [2.0]], [1, 0])


def test_a_line_end_within_quotes_belongs_to_the_cell(written: Writes) -> None:
    assert read_table(written('a,y\r\n1,"two\r\nlines"\r\n'), target="y", kind="classes").classes == ("two\r\nlines",)


def test_numpy_reads_the_same(written: Writes) -> None:
    draws = np.random.default_rng(0)
    numbers = draws.standard_normal((200, 7)) * 10.0 ** draws.integers(
        -44, 38, (200, 7)
    )  # subnormal to nearly too large
    path = written("a,b,c,d,e,f,y\n" + "\n".join(",".join(map(repr, row)) for row in numbers.tolist()))
    expected = np.genfromtxt(path, delimiter=",", names=True, dtype=np.float64)
    dataset = read_table(path, target="y", kind="numbers").dataset
    for column, name in enumerate("abcdef"):
        assert np.array_equal(dataset.inputs[:, column].numpy(), expected[name].astype(np.float32))
    assert np.array_equal(dataset.labels.numpy(), expected["y"].astype(np.float32))


def test_a_table_can_be_written_to_after_reading(written: Writes) -> None:
    table = read_table(written(FLOWERS), target="kind", kind="classes")
    table.dataset.inputs[0] = 7.0
    assert table.dataset.inputs[0].tolist() == [7.0, 7.0]


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_an_empty_file(written: Writes, content: str, name: str) -> None:
    fails(written(content, name), "is empty")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    fails(tmp_path / "absent.csv", "Check the path")
    (tmp_path / "file").touch()
    fails(tmp_path / "file" / "absent.csv", "Check the path")
    (tmp_path / "folder.csv").mkdir()
    fails(tmp_path / "folder.csv", "is a folder")


@pytest.mark.parametrize("name", ["table.xlsx", "table", "table.gz", "table.csv.zip", ".csv"])
def test_an_unknown_ending(tmp_path: Path, name: str) -> None:
    fails(tmp_path / name, "is no table by its ending", ".csv has commas, .tsv and .txt have tabs")


@pytest.mark.parametrize(
    "damage", [lambda zipped: zipped[:-9], lambda zipped: b"text" + zipped, lambda zipped: zipped + b"x"]
)
def test_corrupt_gzip(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(damage(gzip.compress(FLOWERS.encode())))
    fails(path, "is no whole gzip file")


def test_gzip_with_a_changed_byte(tmp_path: Path) -> None:
    """Each is refused or, where the byte says nothing of the content (its time, say), read as it was."""
    whole = gzip.compress(FLOWERS.encode(), mtime=0)
    path = tmp_path / "table.csv.gz"
    outcomes = []
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 0xFF]) + whole[index + 1 :])
        try:
            outcomes.append(str(read_table(path, target="kind", kind="classes").dataset.labels.tolist()))
        except ValueError as error:
            outcomes.append(str(error))
    assert set(outcomes) - {"[1, 0, 1]"} == {text for text in outcomes if "is no whole gzip file" in text}
    assert outcomes.count("[1, 0, 1]") <= 6  # its time, its compressor and its system


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_undecodable_bytes(written: Writes, end: bytes) -> None:
    fails(
        written(b"\xef\xbb\xbfa,kind" + end + b"1,x" + end + b"2,caf\xe9" + end), "line 3", "0xe9 is not UTF-8", "Save"
    )
    fails(written(b"a,kind" + end + b"1,x" + end + b"\xff"), "line 3", "0xff")
    fails(written(FLOWERS.encode("utf-16")), "line 1", "is not UTF-8")


def test_no_header(written: Writes) -> None:
    fails(written("1.5,2,0\n3,4,1\n"), "line 1", "has no header", "names the columns")
    fails(written("\n1.5,nan,-inf\n3,4,1\n"), "line 2", "has no header")


def test_columns_that_numbers_name(written: Writes) -> None:
    table = read_table(written("0,1,2\n7,8,9\n"), target="2", kind="numbers")
    assert (table.features, values(table)) == (("0", "1"), ([[7.0, 8.0]], [9.0]))


def test_only_a_header(written: Writes) -> None:
    fails(written("height,kind\n\n"), "has a header but no rows")


@pytest.mark.parametrize("header", ["a,b, a,kind", 'a,b,"a",kind'])
def test_a_column_twice(written: Writes, header: str) -> None:
    fails(written(f"\n{header}\n1,2,3,x\n"), "line 2", "columns 1 and 3 are both called 'a'")


@pytest.mark.parametrize("header", [",kind", '"",kind', "  ,kind"])
def test_a_column_without_a_name(written: Writes, header: str) -> None:
    fails(written(f"{header}\n1,x\n"), "line 1", "column 1 has no name", "index=False")


def test_a_missing_target(written: Writes) -> None:
    fails(written(FLOWERS), "line 1", "no target column 'kinds'", "Did you mean 'kind'?", target="kinds")
    fails(written(FLOWERS), "no target column 'z'", "There are: height, kind, width", target="z")


def test_features_that_cannot_be(written: Writes) -> None:
    path = written(FLOWERS)
    fails(path, "no feature column 'hight'", "Did you mean 'height'", features=["hight"])
    fails(path, "no features to predict 'kind' from", features=[])
    fails(written("kind\nx\n"), "no features to predict 'kind' from")
    with pytest.raises(ValueError, match=r"features is \('width', 'width'\), which names a column twice"):
        read_table(path, target="kind", features=["width", "width"], kind="classes")
    with pytest.raises(ValueError, match="'kind' is both the target and a feature"):
        read_table(path, target="kind", features=["kind"], kind="classes")


@pytest.mark.parametrize("hole", ["", "  ", '""'])
def test_a_hole(written: Writes, hole: str) -> None:
    fails(written(f"a,b,kind\n1,2,x\n\n3,{hole},x\n"), "line 4", "column 'b'", "is empty", "remove the row")
    fails(written(f"a,b,kind\n1,2,x\n3,4,{hole}\n"), "line 3", "column 'kind'", "is empty")
    fails(written(f"a,b,kind\n1,2,{hole}\n"), "line 2", "column 'kind'", "is empty", kind="numbers")


@pytest.mark.parametrize("cell", ["red", "1.2.3", "2021_03", "0x10", "1e", "12%", "NA", "\x00"])
def test_a_cell_that_is_no_number(written: Writes, cell: str) -> None:
    fails(written(f"a,b,kind\n1,2,0\n{cell},4,0\n"), "line 3", "column 'a'", f"{cell!r} is no number")
    fails(written(f"a,b,kind\n1,2,0\n3,4,{cell}\n"), "line 3", "column 'kind'", "is no number", kind="numbers")


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e400", "3.5e38", "-1e39"])
def test_a_number_that_is_not_finite(written: Writes, cell: str) -> None:
    fails(written(f"a,b,kind\n1,{cell},0\n"), "line 2", "column 'b'", f"{cell!r} is no finite float32", "3.4e+38")
    fails(written(f"a,b,kind\n1,2,{cell}\n"), "line 2", "column 'kind'", "is no finite float32", kind="numbers")


def test_the_largest_number(written: Writes) -> None:
    largest = torch.finfo(torch.float32).max
    inputs = read_table(written(f"a,y\n{largest!r},1\n{-largest!r},2\n"), target="y", kind="numbers").dataset.inputs
    assert inputs.flatten().tolist() == [largest, -largest]
    assert math.isfinite(largest)


@pytest.mark.parametrize(("row", "cells"), [("1,x", 2), ("1,2,3,x", 4), ("1,2,x,", 4), ("  ", 1), ("1;2;x", 1)])
def test_a_row_with_another_number_of_cells(written: Writes, row: str, cells: int) -> None:
    fails(written(f"a,b,kind\n1,2,x\n{row}\n"), "line 3", f"the row has {cells} cells, but the header names 3 columns")


def test_lines_are_counted_as_an_editor_shows_them(written: Writes) -> None:
    path = written('a,kind\r\n1,"two\r\nlines"\r\n\r\n2,"again\ntwo"\r\nx,y\r\n')
    fails(path, "line 7", "column 'a'", "'x' is no number")


@pytest.mark.parametrize("row", ['2,"open\n3,x\n', '2,"x"y\n'])
def test_quotes_that_do_not_match(written: Writes, row: str) -> None:
    fails(
        written(f"a,kind\n1,x\n{row}"), "line 3", "the row that starts here cannot be read", "Close each double quote"
    )


def test_a_quote_left_open_in_a_large_file(written: Writes) -> None:
    fails(written('a,kind\n1,"x\n' + "2,y\n" * 50_000), "line 2", "field larger than field limit")


def test_a_class_outside_those_given(written: Writes) -> None:
    path = written(FLOWERS)
    fails(
        path, "line 3", "column 'kind'", "'aster' is not among the 2", "Did you mean 'astre'", classes=["rose", "astre"]
    )
    fails(path, "line 2", "'rose' is not among", "There are: x", classes=["x"])
    fails(path, "line 2", "'rose' is not among", "There are none", classes=[])


def test_classes_that_cannot_be(written: Writes) -> None:
    with pytest.raises(ValueError, match=r"classes is \('rose', 'rose'\), which names a class twice"):
        read_table(written(FLOWERS), target="kind", classes=["rose", "rose"], kind="classes")
    with pytest.raises(ValueError, match=r"classes is \('rose',\), but kind is 'numbers'"):
        read_table(written(FLOWERS), target="width", classes=["rose"], kind="numbers")
    with pytest.raises(ValueError, match="kind is 'class', but a target holds 'classes' or 'numbers'"):
        read_table(written(FLOWERS), target="kind", kind="class")  # type: ignore[arg-type]


def test_a_long_cell_is_cut_in_the_error(written: Writes) -> None:
    with pytest.raises(ValueError, match=re.escape(f"'{'x' * 37}...' is no number")) as caught:
        read_table(written(f"a,kind\n{'x' * 10_000},y\n"), target="kind", kind="classes")
    assert len(str(caught.value)) < 500
