"""What searches left: read whole or not at all, and drawn with each setting on its scale."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.report import write_report
from lab.report.arms import sort_into_experiments
from lab.report.gather import gather
from lab.report.search_figures import BOTTOM, NO_SCORE, place_of, scale_said, search_figure, ticks_of
from lab.report.searches import Search, gather_searches, read_search
from lab.search_space import Choices, Range
from tests.lab.report.conftest import a_search, write_search


@pytest.fixture
def searched(tmp_path: Path) -> Search:
    return read_search(write_search(tmp_path / "runs"))


def changed(tmp_path: Path, number: int, **settings: Any) -> Search:
    """The search with one candidate changed, of those in the file's order."""
    path = write_search(tmp_path / "runs")
    record = json.loads(path.read_text())
    record["candidates"][number] |= settings
    path.write_text(json.dumps(record))
    return read_search(path)


def test_a_record_comes_back_as_it_was_written(searched: Search) -> None:
    assert searched.axes == (Range("agent.learning_rate", 1e-4, 1e-1, "log"), Choices("agent.size", (32, 64)))
    assert searched.rungs == ((10, 0), (30, 0), (90, 0)), "as searches were written that told no seeds"
    assert (searched.seeds, searched.satisfy) == ((0,), ("eval/length >= 3",))
    assert searched.best is not None
    assert (searched.best.number, searched.best.score, searched.best.steps) == (4, 9.0, 90)
    assert [searched.rung_of(each) for each in searched.candidates] == [0, 1, 1, 2, 2, 3]


def test_what_lab_search_writes_is_what_the_page_reads(toys: None, runs: Path, capsys: Any) -> None:
    from lab.cli import main

    words = ["--vary", "walk.drift=0:5", "walk.noise=normal,uniform", "--satisfy", "eval/score<=30"]
    assert main(["search", "walk", "--candidates", "6", "--first-steps", "10", *words]) == 0
    (read,), problems = gather_searches(runs, "walk")
    assert problems == []
    assert [type(each).__name__ for each in read.axes] == ["Range", "Choices"]
    assert len(read.candidates) == 6
    assert read.satisfy == ("eval/score <= 30.0",)
    assert {each.address for each in read.candidates} == {
        path.parts[-3] for path in runs.glob("*/*/seed-0/config.json")
    }
    figure = runs / "walk" / "searches" / f"{read.name}.svg"
    assert figure.read_text().count("<svg") == 1
    assert f"Figure of each setting's effect: {figure}" in capsys.readouterr().out


def test_rungs_of_the_same_budget_differ_by_seeds(tmp_path: Path) -> None:
    record = a_search(rungs=[[90, 1], [90, 3]])
    for each in record["candidates"]:
        each |= {"steps": 90, "scores": {"0": 1.0}}
    record["candidates"][0]["scores"] = {"0": 9.0, "1": 9.0, "2": 9.0}
    read = read_search(write_search(tmp_path, candidates=record["candidates"], rungs=record["rungs"]))
    assert read.rungs == ((90, 1), (90, 3))
    assert [read.rung_of(each) for each in read.candidates] == [0, 1, 1, 1, 1, 1]
    assert read.best_so_far() == [(4, 9.0)]
    figure = search_figure(read, "")
    assert "judged at 90, 3 seeds" in str(figure)


def test_an_order_that_was_not_foretold_is_a_warning(tmp_path: Path) -> None:
    foretold = {"before": 10, "after": 30, "candidates": 6, "correlation": -0.2}
    assert "The order at 10 steps hardly foretold" not in str(search_figure(read_search(write_search(tmp_path)), ""))
    figure = str(search_figure(read_search(write_search(tmp_path, foretold=[foretold])), ""))
    assert "The order at 10 steps hardly foretold that at 30 (rank correlation -0.20 of 6)" in figure
    assert "Stop none before the end: --first-steps 90." in figure


def test_best_so_far_compares_only_what_went_as_far(tmp_path: Path) -> None:
    # At 30 steps number 1 came to 5 and number 2 to 6, but number 2 misses a bound; nobody beats number 4 at 90.
    assert read_search(write_search(tmp_path / "runs")).best_so_far() == [(4, 9.0)]
    third = changed(tmp_path, 1, steps=90)  # number 1, drawn before number 4
    assert third.best_so_far() == [(1, 5.0), (4, 9.0)]
    lower = read_search(write_search(tmp_path / "lower", lower_is_better=True))
    assert lower.best_so_far() == [(4, 9.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "lab.search/1", "cand', "is no whole JSON"),
        ("[]", "is no search of the schema"),
        ('{"schema": "lab.search/2"}', "is no search of the schema"),
        ('{"schema": "lab.search/1", "axes": [], "candidates": []}', "names no setting that varied"),
        ('{"schema": "lab.search/1", "axes": [{"name": "a"}], "candidates": []}', "which cannot be read"),
        (
            '{"schema": "lab.search/1", "axes": [{"kind": "range", "name": "a", "low": 0, "high": 1}], '
            '"candidates": [{"number": 0, "settings": {"a": "x"}}]}',
            "holds a candidate that cannot be read",
        ),
        ("\ud800", "is no text"),
    ],
)
def test_what_cannot_be_read_is_told_and_breaks_nothing(write_run: Any, tmp_path: Path, text: str, said: str) -> None:
    write_run()
    good = write_search(tmp_path / "runs", "good")
    good.with_name("bad.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    found, (problem,) = gather_searches(tmp_path / "runs", "catch")
    assert [each.name for each in found] == ["good"]
    assert problem.startswith("catch/searches/bad.json: ")
    assert said in problem
    page = write_report(tmp_path / "runs", tmp_path / "page.html").read_text()
    assert "catch/searches/bad.json" in page
    assert page.count('class="search-figure"') == 1


@pytest.mark.parametrize(
    ("axis", "value", "place"),
    [
        (Range("a", 1e-4, 1e-2, "log"), 1e-3, 0.5),
        (Range("a", 0.9, 0.999, "log1m"), 0.99, 0.5),
        (Range("a", 0.0, 4.0), 1.0, 0.25),
        (Choices("a", (1, 2)), 2, 0.75 - 0.15),  # candidate 0 of the choice's middle ± 0.15
    ],
)
def test_a_value_stands_at_its_place_on_its_scale(searched: Search, axis: Any, value: float, place: float) -> None:
    candidate = replace(searched.candidates[0], number=0, settings={"a": value})
    assert place_of(axis, candidate) == pytest.approx(place)


def test_ticks_are_round_and_say_the_scale() -> None:
    assert [label for _, label in ticks_of(Range("a", 1e-4, 1e-2, "log"))] == ["0.0001", "0.001", "0.01"]
    discounts = ticks_of(Range("a", 0.9, 0.999, "log1m"))
    assert sorted((round(place, 6), label) for place, label in discounts) == [(0, "0.9"), (0.5, "0.99"), (1, "0.999")]
    assert [label for _, label in ticks_of(Range("a", 2e-3, 5e-3, "log"))] == ["0.002", "0.005"]
    assert ticks_of(Choices("a", (True, "x"))) == [(0.25, "True"), (0.75, "x")]
    assert [scale_said(Range("a", 0.1, 0.2, s)) for s in ("linear", "log", "log1m")] == [  # type: ignore[arg-type]
        "", "logarithmic", "1 − value logarithmic",
    ]  # fmt: skip


def test_nobody_is_dropped_and_each_mark_says_what_became_of_it(searched: Search) -> None:
    figure = search_figure(searched, "x")
    assert [panel.setting for panel in figure.panels] == ["agent.learning_rate", "agent.size", "the best so far"]
    for panel in figure.panels:
        marks = panel.svg.count('class="marker') + panel.svg.count('class="cross"')
        assert marks == 6
        assert panel.svg.count("infeasible") == 1
        assert panel.svg.count('class="cross"') == 1
        assert panel.svg.count('class="ring"') == 1
    assert [meaning for _, meaning in figure.legend] == [
        "judged at 90", "judged at 30", "judged at 10", "misses eval/length >= 3", "came to no score", "the best",
        "border of the range",
    ]  # fmt: skip
    first = figure.panels[0].svg
    assert first.count('class="border"') == 2
    assert figure.warnings == ("1 of 6 candidates came to no score (seed 0: NonFiniteMetric: it became nan).",)
    places = json.loads(figure.data)["panels"][0]
    assert places[-1][1] == NO_SCORE > BOTTOM
    # log10 of 3e-3 lies 0.49 of the way from 1e-4 to 1e-1, within margins of 0.06 of the 276 units from 52 on.
    assert places[0][0] == pytest.approx(52 + 16.56 + 0.49237 * (276 - 33.12), abs=0.06)


def test_the_best_at_a_border_and_a_search_that_was_stopped_are_told(tmp_path: Path) -> None:
    settings = {"agent.learning_rate": 1e-4, "agent.size": 32}
    figure = search_figure(changed(tmp_path, 0, settings=settings), "x")
    assert figure.warnings[0] == (
        "agent.learning_rate = 0.0001 lies at its range's lower end, 0.0001: better ones may lie beyond. Widen it."
    )
    stopped = read_search(write_search(tmp_path / "runs", complete=False))
    assert "The search was stopped. The same command goes on with it." in search_figure(stopped, "x").warnings


def test_a_search_in_which_nothing_has_a_score_is_drawn(tmp_path: Path) -> None:
    path = write_search(tmp_path / "runs")
    record = json.loads(path.read_text())
    for each in record["candidates"]:
        each["score"] = None
    path.write_text(json.dumps(record))
    figure = search_figure(read_search(path), "x")
    assert figure.best == "No candidate came to a score."
    assert figure.commands == ()


def test_a_score_far_from_the_others_is_an_arrow(tmp_path: Path) -> None:
    figure = search_figure(changed(tmp_path, 3, score=-1e9), "x")
    assert "1 off the scale, as arrows." in figure.subtitle
    assert all(panel.svg.count("marker off") == 1 for panel in figure.panels)


def test_candidates_are_no_arms_but_for_the_best_where_there_is_no_other(write_run: Any, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for number in range(6):
        write_run(0, address=f"{number:010d}", config={"agent": {"learning_rate": number}})
    write_search(runs)
    found, _ = gather_searches(runs, "catch")
    (alone,) = sort_into_experiments(gather(runs), {"catch": found})
    assert [arm.runs[0].address for arm in alone.arms] == ["0000000004"]
    assert len(alone.candidates) == 5
    assert len(alone.runs) == 6
    write_run(0, address="a" * 10)
    write_run(7, address="0000000001")  # a seed that the search did not run: somebody looked closer
    (beside,) = sort_into_experiments(gather(runs), {"catch": found})
    assert {arm.runs[0].address for arm in beside.arms} == {"a" * 10, "0000000001"}


def test_whatever_a_search_says_stays_text(write_run: Any, tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><b>"
    write_run()
    record = json.loads(write_search(tmp_path / "runs").read_text())
    for each in record["candidates"]:
        each |= {"why": hostile, "command": hostile}
        each["settings"]["agent.size"] = hostile
    record["axes"][1] |= {"name": "agent.size", "values": [hostile]}
    (tmp_path / "runs" / "catch" / "searches" / "abc.json").write_text(json.dumps(record | {"metric": hostile}))
    page = write_report(tmp_path / "runs", tmp_path / "page.html").read_text()
    assert hostile not in page
