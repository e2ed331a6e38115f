"""Plain arguments: seeds, tables, and errors with the nearest option."""

from __future__ import annotations

import pytest

from lab.cli import UsageError
from lab.cli.arguments import Parser, number, parse_seeds, table


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", [0]),
        ("0-4", [0, 1, 2, 3, 4]),
        ("1,5,7", [1, 5, 7]),
        ("1 5 7", [1, 5, 7]),
        ("0-2, 9 ,11-12 20", [0, 1, 2, 9, 11, 12, 20]),
        ("3-3", [3]),
    ],
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds([text]) == seeds
    assert parse_seeds(text.split(" ")) == seeds, "the shell's words"


@pytest.mark.parametrize("text", ["", "a", "-1", "4-0", "1,", "1.5", "0-", "0–4", "1 -1", "1,,2"])
def test_what_is_no_seeds(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write whole numbers, as a range such as 0-4 or a list such as 1,5,7"):
        parse_seeds([text])


def test_an_unknown_option_names_the_nearest() -> None:
    parser = Parser("runs", "About.")
    parser.add_json()
    parser.add_runs_dir()
    with pytest.raises(
        UsageError, match=r"'--jsn' is no option of `lab runs`. Did you mean '--json'\? See `lab runs --help`"
    ):
        parser.parse_args(["--jsn"])
    with pytest.raises(UsageError, match="--js"):
        parser.parse_args(["--js"])  # no abbreviations, or a later option could change what a script means
    with pytest.raises(UsageError, match="--runs-dir: expected one argument"):
        parser.parse_args(["--runs-dir"])


def test_table() -> None:
    assert table(["name", "n"], [["a", 1], ["long", 20]]) == "name   n\n----  --\na      1\nlong  20"
    assert table(["name", "n"], []) == "name  n\n----  -"


def test_number() -> None:
    assert [number(value) for value in (0.123456, 500.0, None)] == ["0.1235", "500", "not finite"]
