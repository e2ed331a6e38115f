"""Figures for print: what is drawn, and that the same runs give the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.cli import main
from lab.interventions import Intervention, record
from lab.paper.curves import draw, save
from lab.store import RunDirectory
from tests.lab.written_runs import written


@pytest.fixture
def arms(runs: Path) -> Path:
    for number, arm in enumerate(("plain", "double")):
        for seed in range(3):
            values = {step: number * 10 + seed + step / 10 for step in range(10, 101, 10)}
            written(runs, "arms", seed, values, address=f"{number}abc", variant=arm)
    return runs


def test_a_line_an_arm_with_its_interval_and_the_target(arms: Path) -> None:
    axes = draw(arms, "arms").axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines) == ["double (n=3)", "plain (n=3)", "target"] or list(lines)[:2] == [
        "plain (n=3)",
        "double (n=3)",
    ]
    assert np.asarray(lines["plain (n=3)"].get_ydata()).tolist() == pytest.approx([2.0 + i for i in range(10)])
    assert np.asarray(lines["target"].get_ydata()).tolist() == [9.0, 9.0]
    assert len(axes.collections) == 2, "an interval each"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("paces", "return")


def test_nursed_runs_are_drawn_only_if_they_are_named(arms: Path) -> None:
    taken = Intervention(step=50, settings={"rate": 0.1}, why="", when="2026-01-01T00:00:00+00:00", id="1")
    record(RunDirectory.at(arms, "arms", "0abc", 1), [taken])
    lines = [line.get_label() for line in draw(arms, "arms").axes[0].get_lines()]
    assert sorted(lines) == ["double (n=3)", "plain (n=2)", "target"]
    assert draw(arms, "arms", arms=["plain nursed, seed 1"]).axes[0].get_lines()
    for seed in range(3):
        for address in ("0abc", "1abc"):
            record(RunDirectory.at(arms, "arms", address, seed), [taken])
    with pytest.raises(ValueError, match="Every run of arms was nursed"):
        draw(arms, "arms")


def test_arms_are_chosen_and_ordered(arms: Path) -> None:
    axes = draw(arms, "arms", arms=["double"]).axes[0]
    assert [line.get_label() for line in axes.get_lines()] == ["double (n=3)", "target"]
    with pytest.raises(ValueError, match=r"arms has no arm 'dubble' .* Did you mean 'double'\?"):
        draw(arms, "arms", arms=["dubble"])
    written(arms, "walk", 0, {10: 1.0})
    with pytest.raises(ValueError, match=r"walk has no arm 'nope' among its runs\. It compares none, so name none"):
        draw(arms, "walk", arms=["nope"])
    with pytest.raises(ValueError, match=r"No run of arms has 'eval/retrun'. Did you mean 'eval/return'\?"):
        draw(arms, "arms", metric="eval/retrun")


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
def test_the_same_runs_give_the_same_file(arms: Path, tmp_path: Path, ending: str) -> None:
    for name in ("one", "two"):
        save(draw(arms, "arms"), tmp_path / f"{name}{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_text_stays_text(arms: Path, tmp_path: Path) -> None:
    save(draw(arms, "arms", title="Two arms"), tmp_path / "a.svg")
    assert "Two arms</text>" in (tmp_path / "a.svg").read_text()


def test_the_command(arms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep" / "curves.pdf"
    assert main(["figure", "arms", "plain", "--out", str(path)]) == 0
    assert path.read_bytes().startswith(b"%PDF")
    assert main(["figure", "arms", "--out", "curves.gif"]) == 2
    assert "a figure is .pdf, .svg or .png" in capsys.readouterr().err
    assert main(["figure", "army"]) == 2
    assert main(["figure", "arms", "--size", "0", "2"]) == 2
