"""The contract that every experiment keeps, found by itself: it trains, repeats, resumes and survives being killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.kills import episodes
from lab.checkpoint import Checkpoints, digest
from lab.config import address, flatten, from_json, portable, to_json
from lab.data import MissingData
from lab.experiment import Experiment, experiments, load
from lab.interventions import ask, interventions, waiting
from lab.job import run_job
from lab.launching import prepare
from lab.repeating import rerun
from lab.run import run
from lab.seeding import Seeds, preserved_generators
from lab.store import RunDirectory
from lab.tracking import MemoryTracker
from tests.killing import attempt, kill_until_finished
from tests.nursing import nurse

DEVICE = os.environ.get("LAB_TEST_DEVICE", "cpu")  # with cuda, the same contract is held to on a GPU
MANY = 3  # arms of a supervised experiment, beyond which exactness is tested on those that differ in their state

# Metrics of what a smallest version has too few examples for: none of its sentences has more than ten words.
NOT_IN_SMOKE = {"eval/test_bleu_long"}


def cases() -> list[tuple[str, str]]:
    return [(name, variant) for name in experiments() for variant in load(name).variants(load(name).smoke)]


def exactness_cases() -> list[tuple[str, str]]:
    """All cases; but of arms that differ in their game alone the first, and of many supervised ones one for each form
    of state.

    What is saved and taken up again is the state. Arms that keep the same things (they differ in a learning rate, a
    decay, a penalty) go through the same lines there, so that one of them speaks for all. An arm with moments, running
    statistics or a memory of its own keeps something else, and is tested. All games are saved by one emulator.
    """
    chosen = []
    for name, listing in experiments().items():
        experiment, forms = load(name), set()
        every = experiment.variants(experiment.smoke)
        many = listing.wing != "agents" and len(every) > MANY
        for variant, config in every.items():
            form = form_of(experiment, config) if many else but_for_the_game(config)
            if form not in forms or not form:
                chosen.append((name, variant))
            forms.add(form)
    return chosen


def but_for_the_game(config: Any) -> str:
    return str([(name, value) for name, value in flatten(config).items() if name != "game"])


def form_of(experiment: Experiment, config: Any) -> str:
    """The names of all that a trial keeps once it has made a step; nothing where its data are not there."""
    try:
        trial = experiment.make(replace(config, run=replace(config.run, device="cpu")), Seeds(0))
    except MissingData:
        return ""
    trial.step()
    return "\n".join(names_in(trial.state_dict()))


def names_in(state: Any, path: str = "") -> list[str]:
    """The path of every leaf of a state."""
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else ()
    return [name for key, value in items for name in names_in(value, f"{path}/{key}")] or [path]


def smoke(name: str, variant: str, **run_settings: Any) -> tuple[Experiment, Any]:
    experiment = load(name)
    config = experiment.variants(experiment.smoke)[variant]
    settings = {"threads": 1, "wandb": "off", "device": DEVICE} | run_settings
    return experiment, replace(config, run=replace(config.run, **settings))


LIVES: dict[Path, float] = {}
"""Seconds that straight runs took, by their directories; of a processor, for on a busy machine the clock runs on."""


@pytest.fixture(scope="session")
def straight_run(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """The smallest version of seed 7, run once from start to end in this process."""

    @cache
    def run_once(name: str, variant: str) -> RunDirectory:
        experiment, config = smoke(name, variant)
        experiment.make(config, Seeds(7))  # here a test whose data are missing is skipped; in a run it would fail
        directory = prepare(experiment, variant, config, 7, tmp_path_factory.mktemp("straight"), fresh=False)
        begun = time.process_time()
        run_job(directory)
        LIVES[directory.path] = min(time.process_time() - begun, directory.rows()[-1]["time/seconds"])
        return directory

    return run_once


Straight = Callable[[str, str], RunDirectory]


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]


def sha_of(directory: RunDirectory) -> str:
    return directory.status()["state_sha256"]


# All tests of a case go to one worker, which runs the straight version once for them.
def parametrized(chosen: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("name", "variant"),
        [pytest.param(*case, marks=pytest.mark.xdist_group("/".join(case))) for case in chosen],
        ids=lambda part: part or "only",
    )


every_case, exactness_case = parametrized(cases()), parametrized(exactness_cases())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", experiments())
def test_a_target_names_the_arm_that_it_speaks_of(name: str) -> None:
    experiment = load(name)
    if experiment.target is not None:
        arms = experiment.variants(experiment.Config())
        assert experiment.target.arm in arms, "otherwise every arm is held to its bound, and none can be verified"


@every_case
def test_trains_evaluates_and_saves(name: str, variant: str, straight_run: Straight) -> None:
    experiment, config = smoke(name, variant)
    again = experiment.make(config, Seeds(7))
    untrained = digest(again.state_dict())
    straight = straight_run(name, variant)
    status, rows = straight.status(), straight.rows()
    assert status["state"] == "finished"
    assert status["step"] >= config.run.steps
    assert sha_of(straight) != untrained
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert any(key.startswith("train/") for row in rows for key in row)
    if experiment.target is not None:
        told = {experiment.target.metric, *(bound.metric for bound in experiment.target.beside)}
        assert told - NOT_IN_SMOKE <= set(rows[-1]), "the target's metrics must be judged at the end"
    if experiment.compared is not None:
        told = {*experiment.compared.metrics}
        assert told - NOT_IN_SMOKE <= set(rows[-1]), "what arms are compared by must be judged at the end"
    found = Checkpoints(straight.checkpoints).newest()
    assert found is not None
    assert found.step == status["step"]
    again.load_state_dict(found.state["trial"])
    assert digest(again.state_dict()) == sha_of(straight)


@exactness_case
def test_same_seed_same_bits_and_another_seed_others(name: str, variant: str) -> None:
    """For a few steps; that whole runs have the same bits, in this process and in others, the tests below show."""
    experiment, config = smoke(name, variant)
    states = []
    for seed in (7, 7, 8):
        trial = experiment.make(config, Seeds(seed))
        torch.rand(3)  # whatever else the process drew must not matter
        with preserved_generators():
            torch.manual_seed(Seeds(seed).derive("dropout"))
            for _ in range(3):
                trial.step()
        states.append(digest(trial.state_dict()))
    assert states[0] == states[1] != states[2]


@exactness_case
def test_stop_and_resume_equals_never_stopping(name: str, variant: str, tmp_path: Path, straight_run: Straight) -> None:
    straight = straight_run(name, variant)
    experiment, config = smoke(name, variant)
    seen: list[dict[str, Any]] = []
    for budget in (config.run.steps // 2 + 1, None):
        # The stop saves; the last row and judgement stand only in the last attempt, as in the straight run.
        trial, tracker = experiment.make(config, Seeds(7)), MemoryTracker()
        stop = lambda trial=trial, budget=budget: "enough" if budget and trial.steps >= budget else ""  # noqa: E731
        torch.rand(3)  # whatever else the process drew must not matter
        resumed = run(trial, config.run, tracker, Checkpoints(tmp_path), seeds=Seeds(7), stop=stop)
        assert all(row["step"] > seen[-1]["step"] for row in tracker.rows if seen)
        seen += tracker.rows
    assert resumed.state_sha256 == sha_of(straight)
    assert timeless(seen) == timeless(straight.rows())


@exactness_case
def test_evaluating_never_changes_training(name: str, variant: str, straight_run: Straight) -> None:
    experiment, config = smoke(name, variant)
    often = replace(config.run, evaluate_every=max(1, config.run.steps // 3))
    trial, tracker = experiment.make(config, Seeds(7)), MemoryTracker()
    outcome = run(trial, often, tracker, seeds=Seeds(7))
    assert sum(any(key.startswith("eval/") for key in row) for row in tracker.rows) > 2
    at_times = straight_run(name, variant)
    assert outcome.state_sha256 == sha_of(at_times), "judged first at another moment, and more often"


@exactness_case
def test_killed_at_random_equals_never_stopping(
    name: str, variant: str, tmp_path: Path, straight_run: Straight
) -> None:
    """In processes of their own, where the straight run was in this one."""
    straight = straight_run(name, variant)
    experiment, config = smoke(name, variant)
    killed = prepare(experiment, variant, config, 7, tmp_path, fresh=False)
    life = LIVES[straight.path]
    # The arms of one experiment run the same code but for a switch or a game.
    attempts = 5 if variant == next(iter(experiment.variants(experiment.smoke))) else 4
    kills = kill_until_finished(killed.path, seed=hash_of(name, variant), kills=attempts, longest_life=life / 6)
    assert kills >= 3, "the job finished before it could be killed: give SMOKE more steps"
    assert timeless(killed.rows()) == timeless(straight.rows())
    assert sha_of(killed) == sha_of(straight)
    assert whole_state(killed) == whole_state(straight)
    assert episodes(killed) == episodes(straight), "each episode stands once, whatever the number of kills"


def nursing_cases() -> list[tuple[str, str]]:
    """One of each kind of what learns, told apart by the settings that hold the learning rate: the shortest."""
    kinds: dict[Any, tuple[int, str, str]] = {}
    for name, listing in experiments().items():
        variant, config = next(iter(load(name).variants(load(name).smoke).items()))
        for rate in learning_rates(config)[:1]:
            kind = listing.wing, type(getattr(config, rate.partition(".")[0]))
            kinds[kind] = min(kinds.get(kind, (10**9, "", "")), (config.run.steps, name, variant))
    return [(name, variant) for _, name, variant in kinds.values()]


def learning_rates(config: Any) -> list[str]:
    return [name for name in flatten(config) if name.rpartition(".")[2] == "learning_rate"]


@parametrized(nursing_cases())
def test_nursed_to_what_it_was_it_stays_what_it_was(
    name: str, variant: str, tmp_path: Path, straight_run: Straight
) -> None:
    experiment, config = smoke(name, variant)
    straight = straight_run(name, variant)
    settings = flatten(config)
    same = {rate: settings[rate] for rate in learning_rates(config)}
    directory = prepare(experiment, variant, config, 7, tmp_path, fresh=False)
    third = config.run.steps // 3
    nurse(directory, {third: [same], 2 * third: [same]})
    assert len(interventions(directory)) == 2
    assert timeless(directory.rows()) == timeless(straight.rows())
    assert sha_of(directory) == sha_of(straight)


@pytest.mark.parametrize(
    ("name", "setting", "refused"),
    [
        ("mlp_digits", "classifier.optimizer.learning_rate", {"backbone.widths": [7]}),
        ("dqn_cartpole", "agent.learning_rate", {"agent.replay_capacity": 77}),
    ],
)
def test_nursed_and_killed_it_is_repeated_exactly(name: str, setting: str, refused: dict, tmp_path: Path) -> None:
    experiment, config = smoke(name, "")
    directory = prepare(experiment, "", config, 7, tmp_path, fresh=False)
    dice = random.Random(hash_of(name, "nursed"))
    rate = flatten(config)[setting]
    killed = 0
    for factor, unfit in [(0.5, {}), (0.1, refused), (3.0, {})]:
        ask(directory, {setting: factor * rate}, "whatever the moment")
        if unfit:
            ask(directory, unfit)
        killed += attempt(directory.path, kill_at_call=dice.randint(4, 40)) == -signal.SIGKILL
        killed += attempt(directory.path, kill_after=dice.uniform(0.0, 0.3)) == -signal.SIGKILL
        if directory.status()["state"] == "finished":
            break
    assert attempt(directory.path) == 0
    assert killed >= 2, "it finished before it could be killed: give SMOKE more steps"
    taken = interventions(directory)
    assert len(taken) >= 2
    assert all(list(each.settings) == [setting] for each in taken), "what does not fit is recorded nowhere"
    assert waiting(directory) == []
    steps = [row["step"] for row in directory.rows()]
    assert steps == sorted(set(steps))
    found = rerun(directory)
    assert found.identical, found.parting
    assert episodes(found.again) == episodes(directory)


def hash_of(name: str, variant: str) -> int:
    return Seeds(0).derive(f"{name}/{variant}")


def whole_state(directory: RunDirectory) -> str:
    """Everything in the newest checkpoint but the clock: the trial, pending averages, generators."""
    found = Checkpoints(directory.checkpoints).newest()
    assert found is not None
    mine = {key: value for key, value in found.state["run"].items() if "seconds" not in key}
    return digest({"trial": found.state["trial"], "run": mine})


@pytest.mark.parametrize("name", experiments())
def test_config_survives_json_and_fits_the_command_line(name: str) -> None:
    experiment = load(name)
    for config in [experiment.Config(), experiment.smoke, *experiment.variants(experiment.Config()).values()]:
        assert from_json(experiment.Config, to_json(config)) == config
        handed_on = portable(config)
        assert address(name, from_json(experiment.Config, handed_on)) == address(name, config)
        assert str(Path.cwd()) not in str(handed_on), "a folder of this machine would be recorded"
    if experiment.target is not None:
        assert experiment.target.steps <= experiment.Config().run.steps
        assert experiment.target.protocol
        assert experiment.target.source
        own = experiment.target.source.startswith("the lab's own")
        assert not own or experiment.target.published is None, "what the lab says itself nobody has published"
    if experiment.compared is not None:
        assert (experiment.compared.steps or 0) <= experiment.Config().run.steps
        assert experiment.compared.protocol
