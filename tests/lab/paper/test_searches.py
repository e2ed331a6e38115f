"""A search as a figure for print: nobody is dropped, the best is ringed, and it can be found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.markers import CARETDOWN

from lab.cli import main
from lab.paper.curves import save
from lab.paper.searches import draw_search, find_search
from tests.lab.report.conftest import write_search


def test_every_panel_shows_every_candidate(tmp_path: Path) -> None:
    write_search(tmp_path)
    figure = draw_search(find_search(tmp_path, "catch"))
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in panels] == [
        "agent.learning_rate (logarithmic)", "agent.size", "candidate; line: the best so far",
    ]  # fmt: skip
    for axes in panels:
        marks = [line for line in axes.get_lines() if len(line.get_xdata()) == 1 and line.get_markersize() < 8]
        assert len(marks) == 6
        assert sorted(line.get_marker() for line in marks) == ["^", "^", "o", "s", "s", "x"]
        (ring,) = [line for line in axes.get_lines() if line.get_markersize() == 8]
        assert ring.get_ydata()[0] == 9.0
        assert sum(line.get_markerfacecolor() == "white" for line in marks) == 1  # misses a bound
    rate = next(line for line in panels[0].get_lines() if line.get_markersize() == 8).get_xdata()[0]
    assert rate == pytest.approx(np.log10(3e-3 / 1e-4) / 3)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "judged at 90", "judged at 30", "judged at 10", "misses eval/length >= 3", "no score", "the best",
    ]  # fmt: skip


def test_the_best_is_always_on_the_scale_and_what_is_far_worse_is_said_to_be_off_it(tmp_path: Path) -> None:
    path = write_search(tmp_path)
    told = json.loads(path.read_text())
    scored = sorted((each for each in told["candidates"] if each["score"] is not None), key=lambda each: each["score"])
    scored[-1]["score"] = 1e9
    path.write_text(json.dumps(told))
    axes = draw_search(find_search(tmp_path, "catch")).axes[0]
    (ring,) = [line for line in axes.get_lines() if line.get_markersize() == 8]
    assert ring.get_ydata()[0] == 1e9 < axes.get_ylim()[1]
    scored[-1]["score"], scored[0]["score"] = 9.0, -1e9
    path.write_text(json.dumps(told))
    figure = draw_search(find_search(tmp_path, "catch"))
    low = figure.axes[0].get_ylim()[0]
    assert low > -100
    off = [line for line in figure.axes[0].get_lines() if line.get_marker() == CARETDOWN]
    assert [line.get_ydata()[0] for line in off] == [low]
    assert "off the scale" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_same_search_gives_the_same_file(tmp_path: Path) -> None:
    write_search(tmp_path)
    for name in ("a.svg", "b.svg"):
        save(draw_search(find_search(tmp_path, "catch")), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_lab_figure_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_search(tmp_path / "runs")
    words = ["figure", "catch", "--search", "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "s.pdf")]
    assert main(words) == 0
    assert (tmp_path / "s.pdf").read_bytes().startswith(b"%PDF")
    assert main([*words, "--metric", "x"]) == 2
    assert "Leave out arms, --metric and --statistic." in capsys.readouterr().err


def test_a_search_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    write_search(tmp_path, "abc")
    write_search(tmp_path, "fff")
    assert find_search(tmp_path, "catch", "ab").name == "abc"
    with pytest.raises(ValueError, match=r"no search 'abd' of 'catch'.*Did you mean 'abc'"):
        find_search(tmp_path, "catch", "abd")
    with pytest.raises(ValueError, match=r"no search of 'catc'.*Did you mean 'catch'"):
        find_search(tmp_path, "catc")
    (tmp_path / "catch" / "searches" / "eee.json").write_text("{")
    with pytest.raises(ValueError, match=r"eee\.json: is no whole JSON"):
        find_search(tmp_path, "catch", "e")
