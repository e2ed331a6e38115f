"""Settings changed by hand while a run learns: recorded, repeated, or refused without a trace."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lab import interventions as mailbox
from lab import nursing
from lab.checkpoint import Checkpoints
from lab.config import ConfigError, from_json
from lab.config import replace as replace_settings
from lab.experiment import load
from lab.interventions import Answer, Intervention, answer_to, ask, interventions, waiting
from lab.job import run_job
from lab.launching import prepare
from lab.nursing import Nursing, changed, config_at, parsed
from lab.repeating import difference, rerun
from lab.run import run
from lab.seeding import Seeds
from lab.store import RunDirectory, RunError
from lab.tracking import MemoryTracker
from lab.trained import trained
from tests.nursing import looking_always, nurse
from tests.toys.walk import Walk

pytestmark = pytest.mark.usefixtures("toys")
NOISE_UNKNOWN = {"walk.noise": "uniform"}


def prepared(runs: Path, name: str = "walk", seed: int = 5, **changes: Any) -> RunDirectory:
    experiment = load(name)
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    return prepare(experiment, "", replace_settings(experiment.smoke, settings), seed, runs, fresh=False)


def rows(directory: RunDirectory) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in directory.rows()]


def final_position(directory: RunDirectory) -> float:
    found = Checkpoints(directory.checkpoints).newest()
    assert found is not None
    return float(found.state["trial"]["position"])


def by_hand(directory: RunDirectory, settings: Mapping[int, Mapping[str, Any]], folder: Path) -> tuple[str, list]:
    """The same without the lab's nursing: stopped at each step, and gone on with by a new trial of other settings."""
    experiment = load(directory.record()["experiment"])
    config = from_json(experiment.Config, directory.record()["config"])
    seeds, told = Seeds(directory.record()["seed"]), MemoryTracker()
    ends = [*sorted(settings), None]
    for end in ends:
        trial = experiment.make(config, seeds)
        stop = (lambda trial=trial, end=end: "enough" if trial.steps >= end else "") if end is not None else None
        # One tracker for all of it, as W&B has one run.
        outcome = run(trial, config.run, told, Checkpoints(folder), seeds=seeds, stop=stop)
        if end is not None:
            config = replace_settings(config, settings[end])
    assert outcome.state_sha256 is not None
    return outcome.state_sha256, [{k: v for k, v in row.items() if not k.startswith("time/")} for row in told.rows]


def test_a_change_holds_from_the_step_at_which_it_was_taken(runs: Path) -> None:
    plain, directory = prepared(runs / "plain"), prepared(runs)
    run_job(plain)
    outcome, (request,) = nurse(directory, {7: [{"walk.drift": 2.5}]})
    assert answer_to(directory, request) == Answer(state="taken", step=7)
    (taken,) = interventions(directory)
    assert taken == Intervention(step=7, settings={"walk.drift": 2.5}, why="at 7", when=request.when, id=request.id)
    # The same draws, and 13 of the 20 paces longer by 2.
    assert final_position(directory) == pytest.approx(final_position(plain) + 13 * 2.0)
    assert [row["step"] for row in directory.rows()] == [5, 10, 15, 20]
    assert rows(directory)[0] == rows(plain)[0]
    assert waiting(directory) == []
    assert (outcome.state_sha256, rows(directory)) == by_hand(directory, {7: {"walk.drift": 2.5}}, runs / "by_hand")


def test_it_is_repeated_from_the_directory_alone(runs: Path) -> None:
    directory = prepared(runs)
    nurse(directory, {3: [{"walk.drift": 2.5}], 11: [{"walk.drift": -1.0}, NOISE_UNKNOWN]})
    assert [each.step for each in interventions(directory)] == [3, 11, 12], (
        "of two at once one is taken after the other"
    )
    found = rerun(directory)
    assert found.identical
    assert interventions(found.again) == interventions(directory)
    assert difference(directory, found.again).nursed == (interventions(directory), interventions(directory))
    trial, _ = trained(directory)
    assert trial.config.walk.drift == -1.0, "it is looked at as it was changed"


@pytest.mark.parametrize("until", [7, 8, 10, 12])
def test_going_on_from_wherever_it_stopped_repeats_it(until: int, runs: Path) -> None:
    whole, directory = prepared(runs / "whole"), prepared(runs)
    asks = {7: [{"walk.drift": 2.5}], 11: [NOISE_UNKNOWN]}
    nurse(whole, asks)
    nurse(directory, asks, until=until)
    if until < 8:  # it stopped before it could look
        assert len(waiting(directory)) == 1
    nurse(directory, {} if until >= 11 else {11: [NOISE_UNKNOWN]})
    assert [each.step for each in interventions(directory)] == [7, 11]
    assert directory.status()["state_sha256"] == whole.status()["state_sha256"]
    assert rows(directory) == rows(whole)


def test_an_older_checkpoint_repeats_it_at_the_same_step(runs: Path) -> None:
    directory = prepared(runs, run__save_every=4)
    nurse(directory, {9: [{"walk.drift": 2.5}]}, until=11)
    assert Checkpoints(directory.checkpoints).steps() == [9, 11]
    for step in (9, 11):
        (directory.checkpoints / f"step-{step:012d}" / "state.json").write_text("{")
    with pytest.raises(RunError, match="None of the checkpoints"):
        run_job(directory)
    (directory.path / "checkpoints").rename(directory.path / "torn")
    directory.write_status("interrupted", step=11, budget=20, unit="paces")
    late = ask(directory, {"walk.drift": 0.0})
    nurse(directory, {})  # from the very beginning: what waits is not taken before what was taken earlier
    assert [each.step for each in interventions(directory)] == [9, 10]
    assert answer_to(directory, late) == Answer(state="taken", step=10)
    assert rerun(directory).identical


def test_asked_before_the_start_it_holds_from_the_beginning(runs: Path) -> None:
    other = prepared(runs / "other", walk__drift=2.5)
    run_job(other)
    directory = prepared(runs)
    ask(directory, {"walk.drift": 2.5})
    run_job(directory)
    assert [each.step for each in interventions(directory)] == [0]
    assert rows(directory) == rows(other)
    assert directory.status()["state_sha256"] == other.status()["state_sha256"]


def test_asked_too_late_it_is_refused(runs: Path) -> None:
    directory = prepared(runs)
    _, (request,) = nurse(directory, {20: [{"walk.drift": 2.5}]})
    answer = answer_to(directory, request)
    assert answer is not None
    assert (answer.state, answer.step) == ("refused", 20)
    assert "finished at step 20 before" in answer.why
    assert interventions(directory) == waiting(directory) == []


class Refusing(Walk):
    """Cannot be as it is asked to be: not built, not with that state, not after a step."""

    def __init__(self, config: Any, seeds: Seeds):
        if config.note == "unbuildable":
            raise RuntimeError("it was not built: " + "word " * 200)
        super().__init__(config, seeds)

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        if self.config.note == "unfit":
            raise KeyError("of another kind")

    def step(self) -> Any:
        metrics = super().step()
        if self.config.note == "stumbling":
            raise IndexError("it fell")
        return metrics


@pytest.fixture
def refusing(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load("walk")
    monkeypatch.setattr("lab.job.load", lambda name: replace(experiment, make=Refusing))


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("step", [0, 7, 10])
@pytest.mark.parametrize(
    ("note", "why"), [("unbuildable", "it was not built"), ("unfit", "of another kind"), ("stumbling", "it fell")]
)
def test_what_cannot_be_leaves_no_trace(note: str, why: str, step: int, runs: Path) -> None:
    if note == "unfit" and step == 0:
        pytest.skip("there is no state yet that it could not take up")
    plain, directory = prepared(runs / "plain"), prepared(runs)
    run_job(plain)
    asked = [ask(directory, {"note": note})] if step == 0 else []
    outcome, later = nurse(directory, {step: [{"note": note}]} if step else {})
    answer = answer_to(directory, [*asked, *later][0])
    assert answer is not None
    assert (answer.state, answer.step) == ("refused", step)
    assert why in answer.why
    assert len(answer.why) < 450
    assert not (directory.path / mailbox.FILE).exists()
    assert rows(directory) == rows(plain)
    assert outcome.state_sha256 == plain.status()["state_sha256"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"walk.drfit": 1.0}, "Did you mean 'drift'"),
        ({"walk.drift": "far"}, "must be a number"),
        ({"run.steps": 5}, "launch it again with --run.steps"),
    ],
)
def test_what_no_config_holds_is_refused_without_a_try(settings: dict, why: str, runs: Path) -> None:
    directory = prepared(runs, run__save_every=0)
    _, (request,) = nurse(directory, {7: [settings]}, until=9)
    answer = answer_to(directory, request)
    assert answer is not None
    assert why in answer.why
    assert Checkpoints(directory.checkpoints).steps() == [9], "nothing was saved for it"


def test_a_kill_after_recording_takes_nothing_twice(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = prepared(runs)

    def killed(*arguments: Any) -> None:
        raise SystemExit("killed")

    monkeypatch.setattr(nursing, "answer", killed)
    with pytest.raises(SystemExit):
        nurse(directory, {7: [{"walk.drift": 2.5}]})
    monkeypatch.undo()
    monkeypatch.setenv("LAB_EXPERIMENTS", str(Path(__file__).parents[1] / "toys"))
    (request,) = waiting(directory)
    assert [each.step for each in interventions(directory)] == [7]
    nurse(directory, {})
    assert [each.step for each in interventions(directory)] == [7]
    assert answer_to(directory, request) == Answer(state="taken", step=7)
    assert waiting(directory) == []


def test_a_run_that_failed_is_nursed_back(runs: Path) -> None:
    directory = prepared(runs)
    with pytest.raises(ArithmeticError, match="'loss' became nan"):
        nurse(directory, {7: [{"nan_at": 12}]})
    assert directory.status()["state"] == "failed"
    ask(directory, {"nan_at": None})
    run_job(directory)
    assert [(each.step, dict(each.settings)) for each in interventions(directory)] == [
        (7, {"nan_at": 12}), (10, {"nan_at": None})
    ]  # fmt: skip
    assert rerun(directory).identical


def test_what_was_recorded_is_never_refused(runs: Path) -> None:
    directory = prepared(runs)
    mailbox.record(
        directory, [Intervention(step=7, settings={"breaks_at": 8}, why="", when="2026-01-01T00:00:00+00:00", id="1")]
    )
    with pytest.raises(ZeroDivisionError):
        run_job(directory)
    assert len(interventions(directory)) == 1


def test_two_trials_are_never_held_at_once(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[Walk] = weakref.WeakSet()
    most = []

    class Counted(Walk):
        def __init__(self, config: Any, seeds: Seeds):
            most.append(len(alive))
            self.circle = self  # as learners have them
            alive.add(self)
            super().__init__(config, seeds)

    experiment = load("walk")
    monkeypatch.setattr("lab.job.load", lambda name: replace(experiment, make=Counted))
    nurse(prepared(runs), {3: [{"walk.drift": 1.0}], 8: [{"walk.drift": 2.0}]})
    assert most == [0, 0, 0]


def test_requests_are_looked_for_now_and_then(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.1, 100.3, 100.6, 100.7])
    monkeypatch.setattr(nursing.time, "monotonic", lambda: next(clock))
    looks = []
    monkeypatch.setattr(nursing, "waiting", lambda directory: looks.append(1) or [])
    directory = prepared(runs)
    experiment = load("walk")
    nursed = Nursing(directory, experiment, experiment.smoke, Seeds(5))
    assert [nursed.due(step) or len(looks) for step in range(5)] == [1, 1, 1, 2, 2]


def test_where_the_newest_checkpoint_is_torn_it_holds_once_its_step_is_reached_again(runs: Path) -> None:
    directory, experiment = prepared(runs), load("walk")
    ask(directory, {"walk.drift": 2.5})
    nursed = Nursing(directory, experiment, experiment.smoke, Seeds(5))
    assert nursed.trial(3).config.walk.drift == 0.5  # type: ignore[attr-defined]
    assert nursed.due(7)
    assert nursed.trial(3).config.walk.drift == 0.5, "it went on from an earlier one"  # type: ignore[attr-defined]
    nursed.took()
    assert [each.step for each in interventions(directory)] == [7]
    assert not nursed.due(6)
    assert nursed.due(7)
    assert nursed.trial(7).config.walk.drift == 2.5  # type: ignore[attr-defined]
    nursed.took()
    assert not nursed.due(8)


def test_the_learning_rate_is_the_one_that_was_asked_for(runs: Path) -> None:
    plain = prepared(runs / "plain", "mlp_digits", run__steps=20, run__log_every=1, run__wandb="off", run__threads=1)
    directory = prepared(runs, "mlp_digits", run__steps=20, run__log_every=1, run__wandb="off", run__threads=1)
    run_job(plain)
    was = plain.record()["config"]["classifier"]["optimizer"]["learning_rate"]
    nurse(directory, {9: [{"classifier.optimizer.learning_rate": was / 4}]})
    ours, theirs = rows(directory), rows(plain)
    assert ours[:9] == theirs[:9]
    for mine, other in zip(ours[9:], theirs[9:], strict=True):
        assert mine["train/learning_rate"] == other["train/learning_rate"] / 4
    assert ours[9]["train/loss"] == theirs[9]["train/loss"], "of the batch before the first changed step"
    assert ours[10]["train/loss"] != theirs[10]["train/loss"]
    assert rerun(directory).identical


def test_settings_are_read_as_the_config_has_them() -> None:
    config = load("walk").smoke
    texts = ["walk.drift=1e-3", "walk.weights=3,4", "walk.limit=none", "note=none", "walk.reflecting=true", "stride=2"]
    assert parsed(config, texts) == {
        "walk.drift": 1e-3, "walk.weights": [3, 4], "walk.limit": None, "note": "none", "walk.reflecting": True,
        "stride": 2,
    }  # fmt: skip
    assert parsed(config, ["nan-at = 3", "--walk.limit=inf"]) == {"nan_at": 3, "walk.limit": "inf"}
    now = config_at(config, [Intervention(step=4, settings={"walk.limit": "inf"}, why="", when="", id="")], 4)
    assert now.walk.limit == float("inf")
    assert config_at(config, [Intervention(step=5, settings={"stride": 3}, why="", when="", id="")], 4) == config


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("walk.drfit=1", r"no setting 'walk.drfit'. Did you mean 'walk.drift'"),
        ("walk.drift", "Write SETTING=VALUE"),
        ("=3", "Write SETTING=VALUE"),
        ("walk.drift=far", "is 'far', but it must be a number"),
        ("stride=1.5", "it must be a whole number"),
        ("walk.noise=normla", "none of its values. Did you mean 'normal'"),
        ("run.log-every=3", "launch it again with --run.log-every"),
    ],
)
def test_what_is_no_setting_is_told(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parsed(load("walk").smoke, [text])
    with pytest.raises(ConfigError, match="given twice"):
        parsed(load("walk").smoke, ["stride=1", "stride=2"])


def test_changed_settings_are_checked_together() -> None:
    config = load("mlp_digits").smoke
    with pytest.raises(ValueError, match="only adamw decays weights apart"):
        changed(config, {"classifier.optimizer.kind": "adam", "classifier.optimizer.weight_decay": 0.1})


def test_the_file_is_readable_by_others(runs: Path) -> None:
    directory = prepared(runs)
    nurse(directory, {7: [{"walk.drift": 2.5}]})
    (line,) = (directory.path / "interventions.jsonl").read_text().splitlines()
    assert list(json.loads(line)) == ["step", "settings", "why", "when", "id"]
    assert json.loads(line) == asdict(interventions(directory)[0])
    with looking_always():
        run_job(directory)  # finished: nothing happens
