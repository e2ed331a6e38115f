"""A search finds what is best, stops the hopeless early, and goes on where it was stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import pytest

from lab.config import replace
from lab.experiment import load
from lab.search import Candidate, Found, Satisfy, Search, _judged, leading_by_fewer_seeds, ranked, search
from lab.search_space import Choices, Range
from lab.store import find_runs

pytestmark = pytest.mark.usefixtures("toys")
DRIFT = Range("walk.drift", -2.0, 2.0)


def walks(**settings: Any) -> Search:
    """A search over the walk, whose score is its place in the end: 20 drifts and some noise of each seed."""
    experiment = load("walk")
    known: dict[str, Any] = {
        "axes": (DRIFT,), "metric": "eval/score", "candidates": 9, "steps": 20, "first_steps": 5, "seeds": (0, 1),
    }  # fmt: skip
    config = replace(experiment.Config(), {"run.evaluate_every": 0})
    return Search(experiment=experiment, config=config, **(known | settings))


def told(found: Found) -> list[tuple[int, int, float | None]]:
    return [(each.number, each.steps, each.score) for each in found.candidates]


def test_the_best_goes_all_the_way_and_the_others_are_stopped(runs: Path) -> None:
    lines: list[str] = []
    found = search(walks(), tell=lines.append)
    assert walks().rungs == [(5, (0,)), (15, (0,)), (20, (0, 1))]
    assert [each.steps for each in walks(steps=50_000, first_steps=5_555).rungs] == [5_555, 16_665, 50_000]
    assert [each.steps for each in found.candidates] == [20, 15, 15, *[5] * 6]
    assert found.best is not None
    assert found.best.settings["walk.drift"] == max(each.settings["walk.drift"] for each in found.candidates)
    assert len(find_runs(runs)) == 9 + 1, "the second seed is for the last rung"
    assert set(found.best.scores) == {0, 1}
    assert lines[0].startswith("5 steps of 1 seed: 9 candidates, best eval/score ")
    assert lines[0].endswith("; 3 go on")
    assert lines[1].endswith("; 1 goes on")
    assert len(lines) == 3
    assert [(each.before, each.after, each.candidates) for each in found.foretold] == [(5, 15, 3), (15, 20, 1)]


def test_seeds_grow_with_the_budget() -> None:
    nine = walks(seeds=tuple(range(5)))
    assert [seeds for _, seeds in nine.rungs] == [(0,), (0, 1), (0, 1, 2, 3, 4)]
    assert [seeds for _, seeds in walks(seeds=(4,)).rungs] == [(4,)] * 3


def test_where_no_budget_is_cut_the_seeds_of_what_leads_double(runs: Path) -> None:
    assert walks(first_steps=20, seeds=tuple(range(5))).rungs == [
        (20, (0,)), (20, (0, 1)), (20, (0, 1, 2, 3)), (20, (0, 1, 2, 3, 4)),
    ]  # fmt: skip
    assert walks(first_steps=20, seeds=(3,)).rungs == [(20, (3,))]
    lines: list[str] = []
    found = search(walks(first_steps=20, seeds=(0, 1, 2)), tell=lines.append)
    assert found.foretold == [], "no budget was raised"
    assert lines[0].startswith("20 steps of 1 seed: 9 candidates, best eval/score ")
    assert found.best is not None
    assert len(found.best.scores) == 3
    assert len(find_runs(runs)) == sum(len(each.scores) for each in found.candidates) < 9 * 3
    assert told(search(walks(first_steps=20, seeds=(0, 1, 2)))) == told(found)


def test_again_it_runs_nothing_and_comes_to_the_same(runs: Path) -> None:
    first = told(search(walks()))
    before = {run.path: run.metrics_file.stat().st_mtime_ns for run in find_runs(runs)}
    assert told(search(walks())) == first
    assert {run.path: run.metrics_file.stat().st_mtime_ns for run in find_runs(runs)} == before


def test_a_larger_search_takes_up_what_a_smaller_one_ran(runs: Path) -> None:
    search(walks(candidates=4))
    before = {run.path for run in find_runs(runs)}
    search(walks(candidates=9))
    assert before < {run.path for run in find_runs(runs)}


def test_lower_is_better_and_choices() -> None:
    found = search(walks(axes=(Choices("walk.drift", (-1.0, 0.0, 1.0)),), lower_is_better=True, keep=2))
    assert found.best is not None
    assert found.best.settings == {"walk.drift": -1.0}


def test_a_bound_that_has_to_hold_goes_before_the_score() -> None:
    # The walk's place at the end is bounded from above: the best feasible drift is not the largest.
    bound = Satisfy.parsed("eval/score <= 10")
    found = search(walks(satisfy=(bound,), first_steps=20))
    assert found.best is not None
    assert found.best.feasible
    assert found.best.score is not None
    assert found.best.score <= 10
    assert all(each.score <= found.best.score for each in found.candidates if each.feasible and each.score is not None)
    assert any(not each.feasible for each in found.candidates)


def test_what_fails_is_out_of_the_question() -> None:
    found = search(walks(axes=(DRIFT, Choices("breaks_at", (2, 10**6)))))
    broken = [each for each in found.candidates if each.settings["breaks_at"] == 2]
    assert broken
    assert all(each.score is None and "the toy broke as it was told to" in each.why for each in broken)
    assert found.candidates[-len(broken) :] == broken


def test_the_second_stage_looks_closer() -> None:
    found = search(walks(axes=(Range("walk.drift", -20.0, 20.0),), stages=2, candidates=5))
    second = [each for each in found.candidates if each.stage == 1]
    best = max((each for each in found.candidates if each.stage == 0), key=lambda each: (each.steps, each.score or 0))
    assert len(second) == 5
    assert all(abs(each.settings["walk.drift"] - best.settings["walk.drift"]) <= 10 for each in second)
    assert max(each.settings["walk.drift"] for each in second) <= 20
    assert len({each.number for each in found.candidates}) == 10


KILLED = """
import sys
from tests.lab.test_search import walks
from lab.search import search
search(walks(seeds=(0,), axes=walks().axes), jobs=int(sys.argv[1]))
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_any_moment_it_comes_to_the_same(runs: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    for pause in (0.9, 1.6, 2.4):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(jobs)], cwd=Path(__file__).parents[2])
        time.sleep(pause + 1.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(0.5)  # children of a killed launcher end by themselves
    killed = told(search(walks(seeds=(0,))))
    monkeypatch.setenv("LAB_RUNS", str(runs) + "-straight")
    assert killed == told(search(walks(seeds=(0,))))


class _Run:
    """As much of a finished run as a candidate is judged by."""

    seed, state, error = 5, "finished", None

    def __init__(self, rows: list[dict[str, Any]]):
        self.directory = self
        self.rows = lambda: rows


def test_the_average_passes_over_what_was_no_number_and_counts_what_is_just_beyond_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lab.search.nursed_note", lambda directory: "")
    rows = [{"step": 50, "eval/score": None}, {"step": 60, "eval/score": 2.0}, {"step": 70, "loss": 9.0}]
    rows += [{"step": 101, "eval/score": 4.0}, {"step": 150, "eval/score": 8.0}]  # 101: parallel environments overshoot
    found = _judged(walks(), candidate(0, 0), [_Run(rows)], 100)  # type: ignore[list-item]
    assert (found.scores, found.average, found.steps) == ({5: 4.0}, 3.0, 100)


def candidate(number: int, steps: int, *scores: float, **known: Any) -> Candidate:
    by_seed = dict(enumerate(scores))
    return Candidate(number=number, stage=0, settings={}, steps=steps, scores=by_seed, **({"feasible": True} | known))


def test_who_leads_by_fewer_seeds_by_hand() -> None:
    what = walks(first_steps=20, seeds=(0, 1, 2), candidates=9, keep=2)  # a quarter of nine at a time: three
    given = [
        candidate(0, 20, 9.0, 1.0, 2.0), candidate(1, 20, 5.0), candidate(2, 20, 4.1),
        candidate(3, 20, 4.1, average=1.0), candidate(4, 20, 3.0), candidate(5, 20, 6.0, 4.5, 4.5, feasible=False),
        candidate(6, 20, 8.0, why="it diverged"), candidate(7, 20, 4.5, feasible=False), candidate(8, 20, 4.25),
    ]  # fmt: skip

    def leading(everyone: list[Candidate]) -> list[int]:
        return [each.number for each in leading_by_fewer_seeds(what, everyone)]

    assert leading(given) == [1, 8, 3], "better than the 4.0 of the first, of equal ones the one that was good sooner"
    assert leading([candidate(0, 20, 5.0, 5.0, 5.0), *given[1:]]) == [], "as good is not better"
    assert leading(given[1:]) == [1, 8, 3], "the one with all seeds misses a bound"
    assert leading([given[6]]) == []
    assert leading([*given, candidate(9, 20, 4.0, 6.0)]) == [9], "of equal ones the one of more seeds, without others"


def test_seeds_go_to_what_leads_until_that_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {0: [50.0, 1.0, 1.0], 1: [49.0, 2.0, 2.0], 2: [48.0, 40.0, 41.0], 3: [30.0, 30.0, 30.0], 4: [20.0] * 3}
    ran: list[tuple[list[int], int]] = []

    def run(what: Search, going: list[Candidate], rung: Any, launch_all: Any) -> tuple[list[Candidate], list[Any]]:
        ran.append(([each.number for each in going], len(rung.seeds)))
        return [
            replace_fields(each, steps=20, scores={seed: scores[each.number][seed] for seed in rung.seeds})
            for each in going
        ], []

    monkeypatch.setattr("lab.search._run", run)
    found = search(walks(first_steps=20, seeds=(0, 1, 2), candidates=5, keep=2))
    # 50, 49, 48, 30, 20; of the first two 25.5 each; of the next two 44 and 30, then 43 and 30.
    assert ran == [([0, 1, 2, 3, 4], 1), ([0, 1], 2), ([2, 3], 2), ([2, 3], 3)]
    assert [(each.number, each.score) for each in found.candidates] == [(2, 43), (3, 30), (0, 25.5), (1, 25.5), (4, 20)]


def test_ranking_by_hand() -> None:
    given = [
        candidate(0, 5, 9.0), candidate(1, 20, 1.0), candidate(2, 20, 5.0, feasible=False), candidate(3, 20, 2.0),
        candidate(4, 0, 7.0, why="it diverged"), candidate(5, 20, 0.0, 2.0),  # of two seeds
    ]  # fmt: skip
    assert [each.number for each in ranked(walks(), given)] == [3, 5, 1, 2, 0, 4]
    equal = [candidate(0, 20, 500.0, average=90.0), candidate(1, 20, 500.0, average=95.0), candidate(2, 20, 499.0)]
    assert [each.number for each in ranked(walks(), equal)] == [1, 0, 2], "the one that was good sooner"
    proven = candidate(3, 20, 500.0, 500.0)
    assert [each.number for each in ranked(walks(), [*equal, proven])] == [3, 1, 0, 2], "and before that of more seeds"
    assert [each.number for each in ranked(walks(lower_is_better=True), equal)] == [2, 0, 1]


def test_the_average_on_the_way_is_of_what_was_judged_up_to_the_budget(runs: Path) -> None:
    config = replace(load("walk").Config(), {"run.evaluate_every": 5})
    what = replace_fields(walks(candidates=2, seeds=(0,)), config=config)
    search(what)
    again = search(replace_fields(what, steps=15))  # the same runs, which went further before
    best = again.best
    assert best is not None
    (run,) = [each for each in find_runs(runs) if each.status()["step"] == 20]
    scores = {row["step"]: row["eval/score"] for row in run.rows() if "eval/score" in row}
    assert sorted(scores) == [5, 10, 15, 20]
    assert best.average == pytest.approx((scores[5] + scores[10] + scores[15]) / 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"candidates": 0}, "candidates is 0"),
        ({"keep": 1}, "keep is 1"),
        ({"first_steps": 21}, "after 21 of 20 steps"),
        ({"axes": ()}, "Nothing varies"),
        ({"seeds": ()}, "There are no seeds"),
        ({"axes": (DRIFT, DRIFT)}, "A setting varies twice"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        walks(**settings)


@pytest.mark.parametrize("text", ["eval/score", "eval/score > 3", "eval/score >= three"])
def test_what_is_no_bound(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no bound\. Write METRIC>=NUMBER"):
        Satisfy.parsed(text)
