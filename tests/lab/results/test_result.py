"""Results taken from run directories."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lab.config import replace as changed
from lab.config import to_json
from lab.experiment import Bound, load
from lab.launching import Launched, launch
from lab.provenance import versions
from lab.results.result import ResultError, outdated, result_of
from tests.lab.results.cases import experiment, result
from tests.toys import walk

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def launched() -> list[Launched]:
    return launch("walk", seeds=[1, 0])


def edit_environment(item: Launched, **changes: Any) -> None:
    item.directory.write_environment(item.directory.environment() | changes)


def test_a_result_tells_what_its_runs_tell(launched: list[Launched]) -> None:
    found = result_of(load("walk"), "", walk.Config(), launched)
    rows = {item.seed: item.directory.rows()[-1] for item in launched}
    assert [item.seed for item in found.seeds] == [0, 1]
    for item in found.seeds:
        assert item.score == rows[item.seed]["eval/score"]
        assert item.seconds == rows[item.seed]["time/seconds"]
    assert found.estimate == pytest.approx((rows[0]["eval/score"] + rows[1]["eval/score"]) / 2)
    assert found.interval == (min(item.score for item in found.seeds), max(item.score for item in found.seeds))
    assert found.seconds == pytest.approx((rows[0]["time/seconds"] + rows[1]["time/seconds"]) / 2)
    assert (found.name, found.variant, found.verdict, found.unit) == ("walk", None, "pass", "paces")
    assert found.target == walk.TARGET
    assert found.config == to_json(walk.Config())
    (stand,) = found.stands
    environment = launched[0].directory.environment()
    assert (stand.seeds, stand.threads, stand.deterministic, stand.device) == ((0, 1), 1, True, "cpu")
    assert (stand.commit, stand.torch) == (environment["commit"], versions()["torch"])
    assert stand.processor == environment["hardware"]["cpu"]


def test_further_metrics_are_recorded_and_judged(launched: list[Launched]) -> None:
    never = Bound(metric="time/seconds", at_most=-1.0)
    held = replace(load("walk"), target=replace(walk.TARGET, beside=(never,)))
    found = result_of(held, "", walk.Config(), launched)
    assert [item.beside for item in found.seeds] == [(item.seconds,) for item in found.seeds]
    assert found.verdict == "fail"
    assert "time/seconds mean" in found.sentence


def test_the_score_and_its_time_are_those_at_the_budget(launched: list[Launched]) -> None:
    at_the_budget = launched[0].directory.rows()[-1]
    longer = launch("walk", seeds=[1, 0], changes={"run.steps": 40})
    found = result_of(load("walk"), "", walk.Config(), longer)
    assert found.seeds[1].score == at_the_budget["eval/score"]
    assert found.seeds[1].seconds == at_the_budget["time/seconds"]
    assert found.seeds[1].score != longer[0].directory.rows()[-1]["eval/score"]


def test_every_machine_and_every_commit_is_listed(launched: list[Launched]) -> None:
    here = launched[0].directory.environment()
    elsewhere = here["hardware"] | {"cpu": "Another", "gpu": ["A card"]}
    edit_environment(launched[0], hardware=elsewhere, device="cuda", earlier=[here | {"commit": "aaaa"}])  # of seed 1
    edit_environment(launched[1], commit="aaaa")
    old, new = result_of(load("walk"), "", walk.Config(), launched).stands
    assert (old.seeds, old.commit, old.gpus, old.device) == ((0, 1), "aaaa", (), "cpu")
    assert (new.seeds, new.commit, new.gpus, new.device) == ((1,), here["commit"], ("A card",), "cuda")
    assert new.processor == "Another"


def test_code_that_its_commit_does_not_have_is_named(launched: list[Launched]) -> None:
    diff = "diff --git a/lab/run.py b/lab/run.py\n-old\n+new\ndiff --git a/README.md b/README.md\n-old\n+new\n"
    edit_environment(
        launched[0], diff=diff, untracked=["agents/new.py", "results/walk.json", "benchmarks/results/fit.json"]
    )
    edit_environment(launched[1], commit=None, diff=None, untracked=None)
    outside, dirty = result_of(load("walk"), "", walk.Config(), launched).stands
    assert (outside.commit, outside.uncommitted) == (None, ())
    assert dirty.uncommitted == ("agents/new.py", "lab/run.py"), "prose and results shape no run"


def test_a_variant_has_a_result_of_its_own() -> None:
    arms = replace(load("walk_arms"), target=walk.TARGET)
    launched = launch("walk_arms", seeds=[0, 1], variants=["no_drift"])
    found = result_of(arms, "no_drift", arms.Config(), launched)
    assert (found.name, found.variant) == ("walk_arms--no_drift", "no_drift")
    assert outdated(found, arms) == ""
    assert outdated(replace(found, variant="drift"), arms) == "its settings were changed"
    assert outdated(replace(found, variant="sideways"), arms) == "its settings were changed"


def test_settings_of_the_run_are_told_and_others_are_refused() -> None:
    threads = changed(walk.Config(), {"run.log_every": 2, "run.steps": 20})
    found = result_of(load("walk"), "", threads, launch("walk", seeds=[0, 1], config=threads))
    assert found.differences == ("run.log_every 2",)
    drift = changed(walk.Config(), {"walk.drift": 3.0})
    with pytest.raises(ResultError, match=r"walk cannot be recorded with walk.drift 3.0: .*own settings.*Leave them"):
        result_of(load("walk"), "", drift, launch("walk", seeds=[0, 1], config=drift))


def test_no_seed_that_was_asked_for_is_left_out() -> None:
    launched = launch("walk", seeds=[0, 1, 2, 3])
    rows = launched[2].directory.rows()
    rows[-1]["eval/score"] = None
    launched[2].directory.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    launched[3] = replace(launched[3], state="failed")
    with pytest.raises(ResultError, match=r"walk was not recorded: seed 2, 3 has no score at 20 steps\..*mend"):
        result_of(load("walk"), "", walk.Config(), launched)


def test_too_few_seeds_are_no_result(launched: list[Launched]) -> None:
    with pytest.raises(ResultError, match=r"not recorded: 1 of 2 seeds have a score.* Leave --seeds out"):
        result_of(load("walk"), "", walk.Config(), launched[:1])
    with pytest.raises(ResultError, match=r"states no target.* Give it a TARGET"):
        result_of(replace(load("walk"), target=None), "", walk.Config(), launched)


@dataclass(frozen=True, kw_only=True)
class Grown(walk.Config):
    """The settings of walk after one was added."""

    added: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """And after most were removed."""

    stride: int = 1
    run: walk.RunConfig = walk.SMOKE.run


def test_a_result_is_outdated_when_its_experiment_was_changed() -> None:
    same, target = experiment(), experiment().target
    assert target is not None
    assert outdated(result(), same) == ""
    assert outdated(result(), experiment(target=replace(target, source="said better", needs="a GPU"))) == ""
    assert outdated(result(), experiment(target=replace(target, at_least=480.0))) == "its target was changed"
    assert outdated(result(), experiment(target=replace(target, protocol="another"))) == "its target was changed"
    assert outdated(result(), experiment(target=None)) == "it states no target any more"
    assert outdated(result(), experiment(Config=Grown)) == "", "a new setting's default is what there was before"
    assert outdated(result(), experiment(Config=Shrunk)) == "its settings were changed"
    strides = to_json(walk.Config(stride=2))
    assert outdated(result(config=strides), same) == "its settings were changed"
    longer = to_json(changed(walk.Config(), {"run.log_every": 1}))
    assert outdated(result(config=longer), same) == "", "settings of the run shape no score"
