"""`lab compare`: what it says of runs, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from tests.lab.written_runs import TARGET, written


def test_a_settled_difference(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(4):
        written(runs, "ours", seed, {100: 10.0 + seed})
        written(runs, "theirs", seed, {100: 5.0 + seed})
    assert main(["compare", "theirs", "ours"]) == 0
    said = capsys.readouterr().out
    assert "eval/return at 100 paces; higher is better\nprotocol: mean return of 5 episodes\n" in said
    assert "ours is better than theirs with probability 1.00 [1.00, 1.00]" in said
    assert "its IQM less the other's is 5 [5, 5] (paired by seed): settled, better." in said
    assert main(["compare", "ours", "theirs"]) == 0
    assert "its IQM less the other's is -5 [-5, -5] (paired by seed): settled, worse." in capsys.readouterr().out


def test_one_that_is_not(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, (mine, other) in enumerate([(1.0, 4.0), (9.0, 3.0), (2.0, 8.0), (9.0, 0.0)]):
        written(runs, "ours", seed, {100: mine})
        written(runs, "theirs", seed + 10, {100: other})
    written(runs, "ours", 7, {100: 0.0}, state="failed", error="NonFiniteMetric: the loss is nan")
    assert main(["compare", "theirs", "ours", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    over = told["sides"][1]["over_the_first"]
    assert over["probability_of_improvement"]["estimate"] == 10 / 16  # 1 > 0, 2 > 0, and twice 9 > all four
    assert not over["paired"]
    assert not over["settled"]
    assert over["more_runs"] > 0
    assert told["sides"][1]["tasks"][0]["left_out"] == ["ours, seed 7: it diverged"]
    assert main(["compare", "theirs", "ours"]) == 0
    said = capsys.readouterr().out
    assert f"(unpaired): not settled; about {over['more_runs']} more seeds a side would settle" in said
    assert "left out: ours, seed 7: it diverged" in said


def test_several_sides_share_the_chance_of_an_error(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, arm in enumerate(("plain", "double", "duelling")):
        for seed in range(3):
            written(runs, "arms", seed, {100: number + 0.1 * seed}, address=f"{number}abc", variant=arm)
    assert main(["compare", "arms"]) == 0
    said = capsys.readouterr().out
    assert said.count("arms/plain with probability 1.00") == 2
    assert "2 comparisons: each at 97.5%, so that all of them hold at 95 %." in said


def test_lower_is_better(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(3):
        written(runs, "ours", seed, {100: 1.0}, target=TARGET | {"at_least": None, "at_most": 2.0})
        written(runs, "theirs", seed, {100: 3.0}, target=TARGET | {"at_least": None, "at_most": 2.0})
    assert main(["compare", "theirs", "ours"]) == 0
    said = capsys.readouterr().out
    assert "lower is better" in said
    assert "is -2 [-2, -2] (paired by seed): settled, better." in said


def test_tasks_are_scaled(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        written(runs, "a_one", seed, {100: 0.0})
        written(runs, "a_two", seed, {100: 150.0})
        written(runs, "b_one", seed, {100: 10.0})
        written(runs, "b_two", seed, {100: 300.0})
    sides = ["a_one,a_two", "b_one,b_two"]
    assert main(["compare", *sides]) == 2
    assert "There are 2 tasks, whose scores have scales of their own." in capsys.readouterr().err
    assert main(["compare", *sides, "--zero", "-20", "100", "--one", "20", "200", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["sides"]
    assert first["aggregates"]["mean"]["estimate"] == 0.5  # 20 / 40 and 50 / 100
    assert second["aggregates"]["mean"]["estimate"] == pytest.approx((0.75 + 2.0) / 2)
    assert second["aggregates"]["optimality gap"]["estimate"] == pytest.approx(1 - (0.75 + 1.0) / 2)
    assert first["profile"]["share"][0] == 1.0
    assert first["profile"]["thresholds"] == second["profile"]["thresholds"]
    assert main(["compare", *sides, "--zero", "-20", "100", "--one", "20", "200"]) == 0
    assert "optimality gap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--zero", "1"], "A scale from 1 to 1 has no length"),
        (["--one", "one"], "invalid float value: 'one'"),
        (["--zero", "0", "--one", "1", "2"], "--one has 2 scores for 1 tasks"),
        (["--resamples", "5"], "--resamples is 5, which is no sample"),
        (["--metrik", "x"], "Did you mean '--metric'"),
        (["--metric", "eval/returns"], "it was never judged by eval/returns. Did you mean 'eval/return'?"),
    ],
)
def test_wrong_usage(runs: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    written(runs, "ours", 0, {100: 1.0})
    assert main(["compare", "ours", "ours", *words]) == 2
    assert said in capsys.readouterr().err


def test_scores_of_different_protocols_are_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(runs, "ours", 0, {100: 1.0})
    written(runs, "theirs", 0, {100: 1.0}, target=TARGET | {"protocol": "best of a run"})
    assert main(["compare", "ours", "theirs"]) == 2
    assert "were scored under different protocols" in capsys.readouterr().err
