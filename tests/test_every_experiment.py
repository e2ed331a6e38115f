"""The contract that every experiment keeps, found by itself: it trains, repeats, resumes and survives being killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.checkpoint import Checkpoints, digest
from lab.config import from_json, to_json
from lab.data import DataError
from lab.experiment import Experiment, experiments, load
from lab.launching import prepare
from lab.records import Records
from lab.run import Outcome, run
from lab.seeding import Seeds
from lab.store import RunDirectory
from lab.tracking import MemoryTracker
from lab.trial import Trial
from tests.killing import attempt, kill_until_finished


def cases() -> list[tuple[str, str]]:
    return [(name, variant) for name in experiments() for variant in load(name).variants(load(name).smoke)]


every_case = pytest.mark.parametrize(("name", "variant"), cases(), ids=lambda part: part or "only")


def smoke(name: str, variant: str, **run_settings: Any) -> tuple[Experiment, Any]:
    experiment = load(name)
    config = experiment.variants(experiment.smoke)[variant]
    settings = {"threads": 1, "wandb": "off", "device": "cpu"} | run_settings
    return experiment, replace(config, run=replace(config.run, **settings))


def made(experiment: Experiment, config: Any, seed: int) -> Trial:
    """The trial; where a data set's files are not in $LAB_DATA the test is skipped, and says which."""
    try:
        return experiment.make(config, Seeds(seed))
    except DataError as error:
        pytest.skip(str(error))


def ran(
    name: str, variant: str, seed: int = 7, folder: Path | None = None, **run_settings: Any
) -> tuple[Outcome, list]:
    """A run of the smallest version in this process: how it ended and its rows without the clock."""
    experiment, config = smoke(name, variant, **run_settings)
    trial = made(experiment, config, seed)
    tracker = MemoryTracker()
    checkpoints = Checkpoints(folder) if folder else None
    outcome = run(trial, config.run, tracker, checkpoints, seeds=Seeds(seed))
    return outcome, [timeless(row) for row in tracker.rows]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith("time/")}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@every_case
def test_trains_evaluates_and_saves(name: str, variant: str, tmp_path: Path) -> None:
    experiment, config = smoke(name, variant)
    untrained = digest(made(experiment, config, 7).state_dict())
    outcome, rows = ran(name, variant, folder=tmp_path)
    assert outcome.state == "finished"
    assert outcome.step >= config.run.steps
    assert outcome.state_sha256 != untrained
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert any(key.startswith("train/") for row in rows for key in row)
    if experiment.target is not None:
        assert experiment.target.metric in rows[-1], "the target's metric must be judged at the end"
    found = Checkpoints(tmp_path).newest()
    assert found is not None
    assert found.step == outcome.step
    again = made(experiment, config, 7)
    again.load_state_dict(found.state["trial"])
    assert digest(again.state_dict()) == outcome.state_sha256


@every_case
def test_same_seed_same_bits_and_another_seed_others(name: str, variant: str) -> None:
    first, rows = ran(name, variant)
    torch.rand(3)  # whatever else the process drew must not matter
    second, again = ran(name, variant)
    assert first.state_sha256 == second.state_sha256
    assert rows == again
    assert ran(name, variant, seed=8)[0].state_sha256 != first.state_sha256


@every_case
def test_stop_and_resume_equals_never_stopping(name: str, variant: str, tmp_path: Path) -> None:
    _, config = smoke(name, variant)
    straight, rows = ran(name, variant)
    total = config.run.steps
    seen: list[dict[str, Any]] = []
    for k, budget in enumerate((total // 3 + 1, 2 * total // 3 + 1, total)):
        # Each stop saves; a budget's last row and judgement stand only in the last attempt, as in the straight run.
        experiment, asked = smoke(name, variant)
        trial, tracker = made(experiment, asked, 7), MemoryTracker()
        if budget < total:
            stop = lambda trial=trial, budget=budget: "enough" if trial.steps >= budget else ""  # noqa: E731
            run(trial, asked.run, tracker, Checkpoints(tmp_path), seeds=Seeds(7), stop=stop)
        else:
            resumed = run(trial, asked.run, tracker, Checkpoints(tmp_path), seeds=Seeds(7))
        assert k == 0 or all(row["step"] > seen[-1]["step"] for row in tracker.rows if seen)
        seen += [timeless(row) for row in tracker.rows]
    assert resumed.state_sha256 == straight.state_sha256
    assert seen == rows


@every_case
def test_evaluating_never_changes_training(name: str, variant: str) -> None:
    never, _ = ran(name, variant, evaluate_every=0)
    often, rows = ran(name, variant, evaluate_every=max(1, smoke(name, variant)[1].run.steps // 7))
    assert sum(any(key.startswith("eval/") for key in row) for row in rows) > 3
    assert often.state_sha256 == never.state_sha256


@every_case
def test_killed_at_random_equals_never_stopping(name: str, variant: str, tmp_path: Path) -> None:
    experiment, config = smoke(name, variant)
    made(experiment, config, 7)

    def directory(which: str) -> RunDirectory:
        return prepare(experiment, variant, config, 7, tmp_path / which, fresh=False)

    straight, killed = directory("straight"), directory("killed")
    assert attempt(straight.path) == 0
    life = straight.rows()[-1]["time/seconds"]
    # The arms of one experiment run the same code but for a switch or a game.
    attempts = 7 if variant == next(iter(experiment.variants(experiment.smoke))) else 4
    kills = kill_until_finished(killed.path, seed=hash_of(name, variant), kills=attempts, longest_life=life / 6)
    assert kills >= 3, "the job finished before it could be killed: give SMOKE more steps"
    assert [timeless(row) for row in killed.rows()] == [timeless(row) for row in straight.rows()]
    assert killed.status()["state_sha256"] == straight.status()["state_sha256"]
    assert whole_state(killed) == whole_state(straight)
    assert recorded(killed) == recorded(straight), "each episode stands once, whatever the number of kills"


def hash_of(name: str, variant: str) -> int:
    return Seeds(0).derive(f"{name}/{variant}")


def whole_state(directory: RunDirectory) -> str:
    """Everything in the newest checkpoint but the clock: the trial, pending averages, generators."""
    found = Checkpoints(directory.checkpoints).newest()
    assert found is not None
    mine = {key: value for key, value in found.state["run"].items() if "seconds" not in key}
    return digest({"trial": found.state["trial"], "run": mine})


def recorded(directory: RunDirectory) -> list[str]:
    """A digest of each recorded episode, in order; none where the trial records nothing."""
    return [digest(record) for record in Records(directory.episodes).read()]


@pytest.mark.parametrize("name", experiments())
def test_config_survives_json_and_fits_the_command_line(name: str) -> None:
    experiment = load(name)
    for config in [experiment.Config(), experiment.smoke, *experiment.variants(experiment.Config()).values()]:
        assert from_json(experiment.Config, to_json(config)) == config
    if experiment.target is not None:
        assert experiment.target.steps <= experiment.Config().run.steps
        assert experiment.target.protocol
        assert experiment.target.source
