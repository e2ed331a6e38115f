"""Tables of scores: the numbers, what stands out, and that each form is what it says."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lab.cli import main
from lab.paper.tables import table
from lab.sides import Side, sides_of
from tests.lab.written_runs import TARGET, written


@pytest.fixture
def sides(runs: Path) -> list[Side]:
    """Two sides on two tasks; on the second, lower is better."""
    low = TARGET | {"at_least": None, "at_most": 1.0}
    for seed, (one, two, three, four) in enumerate([(10, 20, 0.5, 0.25), (12, 22, 0.5, 0.25), (14, 24, 0.5, 0.25)]):
        written(runs, "a_one", seed, {100: float(one)})
        written(runs, "b_one", seed, {100: float(two)})
        written(runs, "a_50%", seed, {100: three}, target=low)
        written(runs, "b_50%", seed, {100: four}, target=low)
    return sides_of(["a_one,a_50%", "b_one,b_50%"], runs)


def test_markdown(sides: list[Side]) -> None:
    lines = table(sides, "markdown").splitlines()
    assert lines[0] == "|  | a_one return | a_50% return |"
    assert lines[2] == "| a_one,a_50% | 12.0 [10.0, 14.0] | 0.500 [0.500, 0.500] |"
    assert lines[3] == "| b_one,b_50% | **22.0** [20.0, 24.0] | **0.250** [0.250, 0.250] |"
    assert lines[-1] == "IQM over 3 seeds, 95 % bootstrap interval."


def test_latex(sides: list[Side]) -> None:
    text = table(sides, "latex", "mean", digits=2)
    assert r"\begin{tabular}{lrr}" in text
    assert r"a\_one,a\_50\% & $12$ \footnotesize$[10, 14]$ & $0.50$" in text
    assert r"$\mathbf{22}$" in text
    assert text.splitlines()[-1] == r"\end{tabular}"


def test_csv_has_numbers_in_full(sides: list[Side]) -> None:
    rows = list(csv.DictReader(table(sides, "csv").splitlines()))
    assert [row["best"] for row in rows] == ["0", "0", "1", "1"]
    assert (rows[0]["task"], float(rows[0]["estimate"]), rows[0]["seeds"]) == ("a_one return", 12.0, "3")


def test_one_seed_has_no_interval(runs: Path) -> None:
    written(runs, "ours", 0, {100: 1.5})
    sides = sides_of(["ours", "ours"], runs)
    assert "| ours | **1.50** |" in table(sides, "markdown")
    assert next(csv.DictReader(table(sides, "csv").splitlines()))["low"] == ""


def test_the_command(sides: list[Side], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a_one,a_50%", "b_one,b_50%"]
    assert main(["table", *names]) == 0
    assert capsys.readouterr().out == table(sides, "markdown")
    path = tmp_path / "deep" / "t.tex"
    assert main(["table", *names, "--out", str(path), "--digits", "2"]) == 0
    assert path.read_text() == table(sides, "latex", digits=2)
    assert main(["table", *names, "--out", "t.txt"]) == 2
    assert "Let it end in .md, .tex or .csv" in capsys.readouterr().err
    assert main(["table", *names, "--digits", "0"]) == 2
