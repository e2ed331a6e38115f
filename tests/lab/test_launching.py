"""Launching: what is run where, by whom, and what becomes of it when something ends it. Processes are real ones."""

from __future__ import annotations

import importlib
import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lab
from lab import launching
from lab.checkpoint import Checkpoints
from lab.cli.settings import LaunchOptions, parse
from lab.config import ConfigError, address
from lab.experiment import ExperimentError, load
from lab.launching import Launched, command, finished, launch, prepare, unique_seeds
from lab.run import Progress
from lab.store import RunDirectory, RunError, find_runs

ROOT = Path(__file__).parents[2]
OFTEN = {"run.log_every": 2, "run.save_every": 2}

pytestmark = pytest.mark.usefixtures("toys")


def walk(seeds: Any = (0,), **changes: Any) -> list[Launched]:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return launch("walk", seeds, changes=named)


def shas(launched: list[Launched]) -> list[str]:
    assert all(item.state == "finished" for item in launched), launched
    return [item.directory.status()["state_sha256"] for item in launched]


def timeless(directory: RunDirectory) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in directory.rows()]


# In this process


def test_a_run_leaves_what_the_contract_names(runs: Path) -> None:
    (item,) = walk(seeds=[3])
    assert (item.experiment, item.variant, item.seed, item.state, item.did, item.error) == (
        "walk", "", 3, "finished", "ran", None
    )  # fmt: skip
    path = item.directory.path
    assert path == runs / "walk" / address("walk", load("walk").Config()) / "seed-3"
    assert {"config.json", "status.json", "environment.json", "metrics.jsonl", "checkpoints", "media"} <= {
        file.name for file in path.iterdir()
    }
    record = json.loads((path / "config.json").read_text())
    expected = {
        "schema": "lab.run/1", "experiment": "walk", "variant": None, "seed": 3, "hash": path.parent.name,
        "unit": "paces", "summary": "A random walk with a drift: the smallest experiment there is.",
    }  # fmt: skip
    assert {key: record[key] for key in expected} == expected
    assert record["config"]["walk"]["weights"] == [1, 2]
    assert record["target"]["metric"] == "eval/score"
    assert record["compared"] is None
    status = json.loads((path / "status.json").read_text())
    assert (status["state"], status["step"], status["budget"], status["unit"]) == ("finished", 20, 20, "paces")
    assert len(status["state_sha256"]) == 64
    rows = item.directory.rows()
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    assert all("time/seconds" in row and "train/loss" in row for row in rows)
    assert sorted(file.name for file in (path / "media").iterdir()) == [
        "000000000020-place.png", "000000000020-place.txt"
    ]  # fmt: skip


def test_the_same_again_does_nothing_and_a_larger_budget_goes_on() -> None:
    first = walk(run__steps=10)
    before = {file: file.stat().st_mtime_ns for file in (first[0].directory.path / "checkpoints").rglob("*")}
    (again,) = walk(run__steps=10)
    assert (again.state, again.did) == ("finished", "nothing")
    assert {file: file.stat().st_mtime_ns for file in (first[0].directory.path / "checkpoints").rglob("*")} == before
    (more,) = walk(run__steps=20)
    assert (more.did, more.directory) == ("ran", first[0].directory)
    (straight,) = walk(run__steps=20, note="in another directory")
    assert straight.directory != more.directory
    assert timeless(more.directory) == timeless(straight.directory)
    assert shas([more]) == shas([straight])


def test_what_a_run_has_done_is_not_told_otherwise_by_asking_for_less() -> None:
    (first,) = walk(run__steps=20)
    record = first.directory.record()
    (again,) = walk(run__steps=10, run__log_every=3)
    assert (again.directory, again.did) == (first.directory, "nothing")
    assert first.directory.record() == record
    (more,) = walk(run__steps=30, run__log_every=3)
    assert (more.did, more.directory.record()["config"]["run"]["log_every"]) == ("ran", 3)


def test_the_python_door_works_twice_and_stays_open() -> None:
    importlib.import_module("lab.launching")  # as an attribute of `lab` it must not hide the function

    first = lab.launch("walk", seeds=range(2))
    second = lab.launch("walk", seeds=range(2), fresh=True)
    assert callable(lab.launch)
    assert shas(first) == shas(second)
    assert shas(first)[0] != shas(first)[1]


def test_fresh_keeps_the_old_run() -> None:
    (old,) = walk()
    mark = old.directory.path / "mark"
    mark.touch()
    (new,) = launch("walk", fresh=True)
    assert new.directory == old.directory
    assert not mark.exists()
    assert (old.directory.path.with_name("seed-0~1") / "mark").exists()
    assert find_runs(new.directory.path.parents[2]) == [new.directory]


def test_seeds_come_in_any_form_and_once() -> None:
    assert unique_seeds(iter([3, 1, 3])) == [3, 1]
    assert [type(seed) for seed in unique_seeds(np.arange(2))] == [int, int]
    for wrong in ([], [-1]):
        with pytest.raises(ConfigError, match="Give one or more whole numbers from 0 up"):
            unique_seeds(wrong)
    launched = launch("walk_arms", seeds=(seed for seed in (0, 1)))  # read once, used for every arm
    assert [(item.variant, item.seed) for item in launched] == [
        ("drift", 0), ("drift", 1), ("no_drift", 0), ("no_drift", 1)
    ]  # fmt: skip


def test_arms_have_addresses_of_their_own_and_are_chosen_by_name() -> None:
    every = launch("walk_arms")
    assert len({item.directory.path for item in every}) == 2
    assert [item.directory.record()["variant"] for item in every] == ["drift", "no_drift"]
    (one,) = launch("walk_arms", variants=["no_drift"])
    assert (one.did, one.directory) == ("nothing", every[1].directory)
    with pytest.raises(ExperimentError, match=r"walk_arms has no variant 'nodrift'. Did you mean 'no_drift'"):
        launch("walk_arms", variants=["nodrift"])
    with pytest.raises(ExperimentError, match="has no variant ''"):
        launch("walk", variants=[""])


def test_arms_that_set_a_setting_alike_are_told_together(caplog: pytest.LogCaptureFixture) -> None:
    toy = load("walk_arms")

    def four(config: Any) -> dict[str, Any]:
        still, up = (replace(config, walk=replace(config.walk, drift=drift)) for drift in (0, 2))
        return {"asked": config, "still": still, "up": up, "still too": still}

    asked = replace(toy.Config(), walk=replace(toy.Config().walk, drift=5.0))
    assert list(launching.arms(replace(toy, arms=four), asked, [])) == ["asked", "still", "up", "still too"]
    assert "walk.drift is 5.0 but in arms that set it themselves: still, still too to 0; up to 2." in caplog.text


def test_arms_that_a_setting_makes_one_are_refused(runs: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"With walk\.drift 0\.0 the arms drift and no_drift of walk_arms are the same"
    ):
        launch("walk_arms", changes={"walk.drift": 0.0})
    assert not runs.exists()
    (one,) = launch("walk_arms", changes={"walk.drift": 0.0}, variants=["drift"])
    assert one.state == "finished"


@pytest.mark.parametrize("arms", [["no_drift"], ["drift", "no_drift"]])
def test_a_setting_that_arms_set_themselves_is_not_dropped_in_silence(
    arms: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    if arms == ["no_drift"]:
        with pytest.raises(
            ConfigError, match=r"walk\.drift is 5\.0, but each arm of walk_arms sets it itself: no_drift"
        ):
            launch("walk_arms", variants=arms, changes={"walk.drift": 5.0})
        return
    drift, no_drift = launch("walk_arms", variants=arms, changes={"walk.drift": 5.0})
    assert [item.directory.record()["config"]["walk"]["drift"] for item in (drift, no_drift)] == [5.0, 0]
    assert "walk.drift is 5.0 but in arms that set it themselves: no_drift to 0" in caplog.text
    assert launch("walk_arms", variants=["no_drift"], changes={"walk.drift": 0.0})[0].did == "nothing", "as it has it"


def test_whole_numbers_for_numbers_are_the_same_setting() -> None:
    experiment = load("walk")
    config = experiment.Config(walk=replace(experiment.Config().walk, drift=1))
    (item,) = launch("walk", config=config)
    assert item.state == "finished"
    (again,) = walk(walk__drift=1.0)
    assert (again.did, again.directory) == ("nothing", item.directory)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "wlk"}, "There is no experiment 'wlk'. Did you mean 'walk'"),
        ({"changes": {"walk.drfit": 1}}, "Did you mean 'drift'?"),
        ({"changes": {"walk.noise": "norml"}}, "Did you mean 'normal'"),
        ({"changes": {"run.device": "cuda:97"}}, "run.device is 'cuda:97', which this machine cannot use"),
        ({"jobs": 0}, "jobs is 0. It must be at least 1."),
        ({"seeds": [-2]}, "The seeds are"),
    ],
)
def test_bad_input_is_told_before_anything_is_made(arguments: dict[str, Any], said: str, runs: Path) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        launch(**{"name": "walk", **arguments})
    assert said in str(raised.value)
    assert not runs.exists()


def test_a_failed_run_does_not_stop_the_others_and_says_what_went_wrong() -> None:
    def fails_for_seed_1(directory: RunDirectory, news: Progress | Launched) -> None:
        if isinstance(news, Progress) and directory.path.name == "seed-1":
            raise ZeroDivisionError("seed 1 breaks")

    launched = launch("walk", seeds=range(3), watch=fails_for_seed_1)
    assert [item.state for item in launched] == ["finished", "failed", "finished"]
    assert launched[1].error == "ZeroDivisionError: seed 1 breaks"
    status = launched[1].directory.status()
    assert (status["state"], status["error"]) == ("failed", launched[1].error)
    assert "ZeroDivisionError" in (launched[1].directory.path / "log.txt").read_text()
    assert [item.did for item in walk(seeds=range(3))] == ["nothing", "ran", "nothing"]


def test_a_number_that_is_none_fails_and_keeps_the_checkpoint_before() -> None:
    (item,) = walk(nan_at=7, **{k.replace(".", "__"): v for k, v in OFTEN.items()})
    assert item.state == "failed"
    assert item.error is not None
    assert "'loss' became nan at step 7" in item.error
    assert Checkpoints(item.directory.checkpoints).steps() == [4, 6]
    assert [row["step"] for row in item.directory.rows()] == [2, 4, 6]


def test_a_full_disk_is_told_although_no_status_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    def fills_up(directory: RunDirectory, news: Progress | Launched) -> None:
        if isinstance(news, Progress) and news.step == 10:
            monkeypatch.setattr(os, "fsync", full)

    (item,) = launch("walk", watch=fills_up)
    assert item.state == "failed"
    assert item.error is not None
    assert item.error.startswith("CheckpointError: The checkpoint of step 10 could not be written")
    assert "Make room" in item.error
    monkeypatch.undo()


def test_the_directory_of_another_config_is_refused_and_left_alone(runs: Path) -> None:
    (one,) = walk(walk__drift=1.0)
    (other,) = walk(walk__drift=2.0)
    other.directory.set_aside()
    one.directory.path.rename(other.directory.path)  # somebody moved it
    before = (other.directory.path / "config.json").read_bytes()
    with pytest.raises(RunError, match=r"is a run of another config.*Move it back, or start over with --fresh"):
        walk(walk__drift=2.0)
    assert (other.directory.path / "config.json").read_bytes() == before
    (again,) = launch("walk", changes={"walk.drift": 2.0}, fresh=True)
    assert again.state == "finished"
    assert other.directory.path.with_name("seed-0~2").exists()


def test_an_edited_config_is_refused() -> None:
    (item,) = walk()
    record = item.directory.record()
    record["config"]["walk"]["drift"] = 9.0
    item.directory.write_record(record)
    with pytest.raises(RunError, match="is a run of another config"):
        walk()


COMMANDS: list[dict[str, Any]] = [
    {},
    {"walk.drift": -2.5, "stride": 3},
    {"walk.weights": ()},
    {"walk.weights": (5, -6, 7)},
    {"walk.limit": 1e-9, "walk.reflecting": True},
    {"walk.noise": "uniform", "note": "two words; $HOME 'quoted' \"too\""},
    {"nan_at": 4, "run.steps": 50, "run.minutes": 2.0, "run.threads": None, "run.wandb": "offline"},
]


@pytest.mark.parametrize("changes", COMMANDS, ids=range(len(COMMANDS)))
def test_the_command_repeats_the_run(changes: dict[str, Any]) -> None:
    experiment = load("walk")
    config = launching.replace(experiment.Config(), changes)
    line = command(experiment, "", config, 4)
    words = shlex.split(line)
    assert words[:3] == ["lab", "run", "walk"]
    options, parsed = parse("run", experiment, LaunchOptions, words[3:])
    assert parsed == config
    assert options.seeds == ("4",)
    assert line.count("--") == 1 + len(changes), "only what differs is said"


def test_the_command_of_an_arm_names_it() -> None:
    experiment = load("walk_arms")
    config = experiment.variants(experiment.Config())["no_drift"]
    assert command(experiment, "no_drift", config, 0) == "lab run walk_arms --seeds 0 --variant no_drift"


@pytest.mark.parametrize(
    ("state", "step", "budget", "steps", "minutes", "spent", "expected"),
    [
        ("finished", 20, 20, 20, None, 1.0, True),
        ("finished", 20, 20, 30, None, 1.0, False),  # raised
        ("finished", 20, 20, 10, None, 1.0, True),  # lowered
        ("interrupted", 20, 20, 20, None, 1.0, False),
        ("failed", 20, 20, 20, None, 1.0, False),
        ("finished", 7, 20, 20, 2.0, 2.0, True),  # out of time
        ("finished", 7, 20, 20, 3.0, 2.0, False),  # more time
        ("finished", 7, 20, 20, None, 2.0, False),  # all the time
    ],
)
def test_when_nothing_is_left_to_do(
    state: str, step: int, budget: int, steps: int, minutes: float | None, spent: float, expected: bool, runs: Path
) -> None:
    experiment = load("walk")
    config = launching.replace(experiment.Config(), {"run.steps": steps, "run.minutes": minutes})
    directory = prepare(experiment, "", config, 0, runs, fresh=False)
    assert not finished(directory)
    directory.write_status(state, step=step, budget=budget, unit="paces", seconds=60 * spent)
    assert finished(directory) == expected
