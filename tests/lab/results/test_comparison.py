"""Comparisons of all arms taken from run directories, kept as files, and told on the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.cli import main
from lab.config import to_json
from lab.experiment import Compared, Experiment, ExperimentError, load
from lab.launching import launch
from lab.results import files
from lab.results.compared_page import compared_part
from lab.results.comparison import (
    ArmScores,
    ComparisonResult,
    SeedScores,
    comparison_of,
    outdated_comparison,
)
from lab.results.result import ResultError
from lab.statistics import bootstrap_interval
from tests.conftest import TOYS
from tests.lab.results.cases import STAND, experiment
from tests.toys import walk_arms

pytestmark = pytest.mark.usefixtures("toys")
COMPARED = Compared(
    metrics=("eval/score", "eval/farthest"),
    steps=walk_arms.SMOKE.run.steps,
    seeds=2,
    lower=("eval/farthest",),
    averaged=True,
    protocol="last pace",
)


def walks(compared: Compared | None = COMPARED) -> Experiment:
    return replace(load("walk_arms"), compared=compared)


def made(scores: dict[str, list[float]], compared: Compared = COMPARED) -> ComparisonResult:
    """Of arms, each with a score of each seed; the second metric is ten times the first."""
    return ComparisonResult(
        experiment="walk_arms",
        unit="paces",
        compared=compared,
        arms=tuple(
            ArmScores(
                arm=arm,
                seeds=tuple(
                    SeedScores(
                        seed=seed, scores=(score, 10 * score), seconds=75.0, finished="2026-02-03T04:05:06+00:00"
                    )
                    for seed, score in enumerate(each)
                ),
            )
            for arm, each in scores.items()
        ),
        stands=(replace(STAND, seeds=(0, 1)),),
        configs={arm: to_json(config) for arm, config in walk_arms.variants(walk_arms.Config()).items()},
    )


def test_it_tells_what_the_runs_of_all_arms_tell(runs: Path) -> None:
    launched = launch("walk_arms", seeds=[1, 0])
    found = comparison_of(walks(Compared(metrics=("eval/score",), steps=COMPARED.steps, seeds=2, protocol="p")), runs)
    assert [arm.arm for arm in found.arms] == ["drift", "no_drift"]
    for arm in found.arms:
        rows = {item.seed: item.directory.rows()[-1] for item in launched if item.variant == arm.arm}
        assert [(item.seed, item.scores) for item in arm.seeds] == [
            (0, (rows[0]["eval/score"],)), (1, (rows[1]["eval/score"],))
        ]  # fmt: skip
        assert [item.seconds for item in arm.seeds] == [rows[0]["time/seconds"], rows[1]["time/seconds"]]
    assert found.unit == "paces"
    assert [stand.seeds for stand in found.stands] == [(0, 1)]
    assert found.configs["no_drift"]["walk"]["drift"] == 0


def test_what_would_be_told_too_fair_is_refused(runs: Path) -> None:
    one = replace(COMPARED, metrics=("eval/score",), lower=())
    with pytest.raises(ResultError, match=r"arm drift has no run of seed 0, 1 .* lab run walk_arms --seeds 0-1"):
        comparison_of(walks(one), runs)
    launch("walk_arms", seeds=[0, 1], variants=["drift"])
    launch("walk_arms", seeds=[0], variants=["no_drift"])
    launch("walk_arms", seeds=[1], variants=["no_drift"], changes={"walk.noise": "uniform"})
    with pytest.raises(ResultError, match=r"arm no_drift has no run of seed 1 with the experiment's own settings"):
        comparison_of(walks(one), runs)
    launch("walk_arms", seeds=[1], variants=["no_drift"])
    with pytest.raises(ResultError, match=r"there are 2 of 3 seeds\. Run all: lab run walk_arms --seeds 0-2"):
        comparison_of(walks(replace(one, seeds=3)), runs)
    with pytest.raises(ResultError, match=r"has no eval/score or no eval/nothing at"):
        comparison_of(walks(replace(one, metrics=("eval/score", "eval/nothing"))), runs)
    with pytest.raises(ResultError, match=r"has no eval/score at 1,000,000 steps"):
        comparison_of(walks(replace(one, steps=1_000_000)), runs)
    with pytest.raises(ResultError, match=r"walk_arms does not say how its arms are compared"):
        comparison_of(walks(None), runs)


def test_it_is_outdated_once_the_experiment_is_another() -> None:
    result = made({"drift": [1.0, 2.0], "no_drift": [3.0, 4.0]})
    assert outdated_comparison(result, walks()) == ""
    assert outdated_comparison(result, walks(replace(COMPARED, steps=7))) == "what it is compared by was changed"
    fewer = replace(walks(), arms=lambda config: {"drift": config})
    assert outdated_comparison(result, fewer) == "its arms were changed"
    changed = replace(result, configs=result.configs | {"drift": result.configs["no_drift"]})
    assert outdated_comparison(changed, walks()) == "its settings were changed"


def test_arms_with_budgets_of_their_own_are_judged_at_them(runs: Path) -> None:
    each = replace(COMPARED, metrics=("eval/score",), lower=(), averaged=True, steps=None)
    launched = launch("walk_arms", seeds=[0, 1])
    found = comparison_of(walks(each), runs)
    last = {(item.variant, item.seed): item.directory.rows()[-1] for item in launched}
    for arm in found.arms:
        assert arm.steps == last[arm.arm, 0]["step"]
        assert [item.scores for item in arm.seeds] == [(last[arm.arm, seed]["eval/score"],) for seed in (0, 1)]
    assert outdated_comparison(found, walks(each)) == ""
    longer = replace(found, arms=(found.arms[0], replace(found.arms[1], steps=2_000)))
    assert outdated_comparison(longer, walks(each)) == "its budgets were changed"
    text = "\n".join(compared_part([(walks(each), longer)]))
    assert "| arm | score | paces | seeds | a seed takes |" in text
    assert "| 2,000 | 2 | " in text, "an arm's budget"
    assert "] |  | 2 |  |" in text, "the mean of the arms has none"
    assert "after each arm's own budget, over at least 2 seeds" in text


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    result = made({"drift": [1.0, 2.0], "no_drift": [3.0, 4.0]})
    path = files.write_comparison(tmp_path, result)
    assert path == tmp_path / "results" / "compared" / "walk_arms.json"
    assert files.read_comparisons(tmp_path) == [result]
    assert files.read_results(tmp_path) == [], "it is no target's result"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": "lab.comparison/9"}))
    with pytest.raises(ResultError, match=r"is no recorded result .* again: lab compare walk_arms --record"):
        files.read_comparisons(tmp_path)


def test_the_page_has_a_table_with_means_intervals_and_the_mean_of_the_arms() -> None:
    result = made({"drift": [1.0, 3.0], "no_drift": [5.0, 9.0]})
    text = "\n".join(compared_part([(walks(), result)]))
    low, high = (bootstrap_interval([1.0, 3.0], np.mean).low, bootstrap_interval([1.0, 3.0], np.mean).high)
    assert (low, high) == (1.0, 3.0)
    assert "| arm | score | farthest ↓ | seeds | a seed takes |\n| --- | --- | --- | --- | --- |" in text
    assert "| drift | 2 [1, 3] | 20 [10, 30] | 2 | 1 min 15 s |" in text
    # Seed 0's mean over both arms is (1 + 5) / 2, seed 1's (3 + 9) / 2.
    assert "| *mean of the arms* | 4.5 [3, 6] | 45 [30, 60] | 2 |  |" in text
    assert "- protocol: last pace; after" in text
    assert "- measured 2026-02-03" in text
    assert "- seeds 0, 1: AMD EPYC" in text


def test_the_page_says_what_is_open_and_what_is_outdated() -> None:
    result = made({"drift": [1.0, 3.0], "no_drift": [5.0, 9.0]})
    assert "**Open**: last pace" in "\n".join(compared_part([(walks(), None)]))
    changed = walks(replace(COMPARED, protocol="another"))
    assert "**Outdated**: what it is compared by was changed." in "\n".join(compared_part([(changed, result)]))
    assert list(compared_part([])) == []
    two = "\n".join(compared_part([(walks(), None), (experiment("a", "agents", compared=COMPARED), None)]))
    assert two.index("`walk_arms`") < two.index("`a`"), "wings in their order, those without one first"


def test_the_command_records_it(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launch("walk_arms", seeds=[0, 1])
    assert main(["compare", "walk_arms", "--record", "--repository", str(tmp_path)]) == 0
    assert "recorded: " in capsys.readouterr().out
    page = (tmp_path / "RESULTS.md").read_text()
    assert "### `walk_arms`" in page
    assert "| no_drift | " in page
    assert "Outdated" not in page
    assert main(["compare", "walk_arms", "--record", "--repository", str(tmp_path), "--metric", "eval/score"]) == 2
    assert "--metric is not taken beside --record" in capsys.readouterr().err
    assert main(["compare", "walk", "--record", "--repository", str(tmp_path)]) == 2
    assert "walk does not say how its arms are compared" in capsys.readouterr().err


def test_arms_are_compared_only_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (TOYS / "walk.py").read_text() + "\nCOMPARED = object()\n"
    (tmp_path / "walk_compared.py").write_text(text)
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    with pytest.raises(ExperimentError, match=r"COMPARED says by what the arms are compared\. Make it a"):
        load("walk_compared")
