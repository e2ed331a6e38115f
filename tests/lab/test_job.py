"""The job: one run directory, whoever starts it."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from lab import job
from lab.checkpoint import Checkpoints
from lab.config import replace
from lab.experiment import load
from lab.job import exit_code, run_job
from lab.launching import prepare
from lab.run import Outcome
from lab.store import RunDirectory, RunError

pytestmark = pytest.mark.usefixtures("toys")


def prepared(runs: Path, **changes: Any) -> RunDirectory:
    experiment = load("walk")
    config = replace(experiment.Config(), {name.replace("__", "."): value for name, value in changes.items()})
    return prepare(experiment, "", config, 5, runs, fresh=False)


def test_a_job_runs_what_its_directory_says(runs: Path) -> None:
    directory = prepared(runs)
    assert directory.status()["state"] == "waiting"
    outcome = run_job(directory)
    assert (outcome.state, outcome.step) == ("finished", 20)
    status = directory.status()
    assert (status["state"], status["state_sha256"]) == ("finished", outcome.state_sha256)
    assert directory.record()["unit"] == "paces"
    assert directory.environment()["threads"] == 1


def test_threads_come_from_the_config_then_the_first_attempt_then_the_launcher(runs: Path) -> None:
    before = torch.get_num_threads()
    stop_at_once = lambda: "enough"  # noqa: E731
    directory = prepared(runs, run__threads=None)
    run_job(directory, threads=3, stop=stop_at_once)
    assert directory.environment()["threads"] == 3
    run_job(directory, threads=4, stop=stop_at_once)
    assert directory.environment()["threads"] == 3
    run_job(prepared(runs, run__threads=2), threads=4, stop=stop_at_once)
    assert directory.environment()["threads"] == 2
    assert torch.get_num_threads() == before


def test_what_fixes_the_bits_is_told_when_it_changes(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = prepared(runs)
    run_job(directory, stop=lambda: "enough")
    assert "may differ" not in caplog.text
    directory.write_environment(directory.environment() | {"threads": 7, "deterministic": False})
    with caplog.at_level(logging.WARNING):
        run_job(directory, stop=lambda: "enough")
    assert "threads was 7, is 1; from here on the run may differ from an uninterrupted one" in caplog.text
    assert "deterministic was False, is True" in caplog.text


def test_a_torn_checkpoint_is_told_on_resume(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    straight = run_job(prepared(runs.with_name("straight")))
    directory = prepared(runs, run__save_every=4)
    run_job(directory, stop=lambda: "enough" if len(directory.rows()) >= 3 else "")
    newest = Checkpoints(directory.checkpoints).steps()
    assert newest == [12, 16]
    (directory.checkpoints / "step-000000000016" / "state.json").write_text("{")
    outcome = run_job(directory)
    assert "checkpoint of step 16 is not intact" in caplog.text
    assert "4 steps are repeated" in caplog.text
    assert outcome.state_sha256 == straight.state_sha256
    assert [row["step"] for row in directory.rows()] == [5, 10, 15, 20]


def test_a_device_that_is_not_there_is_written_to_the_status(runs: Path) -> None:
    directory = prepared(runs, run__device="cuda:97")
    with pytest.raises(ValueError, match=r"run.device is 'cuda:97'"):
        run_job(directory)
    status = directory.status()
    assert status["state"] == "failed"
    assert "run.device is 'cuda:97'" in status["error"]


def test_all_checkpoints_torn_is_a_clear_failure(runs: Path) -> None:
    directory = prepared(runs)
    run_job(directory, stop=lambda: "enough")
    for file in directory.checkpoints.rglob("state.json"):
        file.write_bytes(b"\x80\x04.")
    with pytest.raises(RunError, match=r"None of the checkpoints .* is intact .*pickled code.*--fresh"):
        run_job(directory)
    assert directory.status()["state"] == "failed"


def test_lost_checkpoints_are_refused_until_they_are_back(runs: Path) -> None:
    directory = prepared(runs)
    run_job(directory, stop=lambda: "enough")
    rows, away = directory.metrics_file.read_bytes(), directory.path / "away"
    directory.checkpoints.rename(away)
    for _ in range(2):  # the refusal is remembered
        with pytest.raises(RunError, match=r"was saved at step 1, but its checkpoints are gone.*--fresh"):
            run_job(directory)
    assert directory.metrics_file.read_bytes() == rows
    assert directory.status()["state"] == "failed"
    away.rename(directory.checkpoints)
    assert run_job(directory).state == "finished"


def test_a_run_killed_before_its_first_checkpoint_begins_again(runs: Path) -> None:
    directory = prepared(runs)
    directory.metrics_file.write_text('{"step": 5}\n')
    directory.write_status("interrupted", step=5, budget=20, unit="paces", error="stopped at once by Ctrl-C")
    assert run_job(directory).state == "finished"
    assert [row["step"] for row in directory.rows()] == [5, 10, 15, 20]


def test_the_status_says_how_long_it_took_and_where_it_was_saved(runs: Path) -> None:
    directory = prepared(runs)
    outcome = run_job(directory)
    status = directory.status()
    assert (status["seconds"], status["saved"]) == (outcome.seconds, 20)


def edited(record: dict[str, Any]) -> None:
    record["config"]["walk"]["drift"] = 3.0


def renamed(record: dict[str, Any]) -> None:
    record["hash"] = "0123456789"


@pytest.mark.parametrize("change", [edited, renamed])
def test_a_directory_of_another_config_is_refused(change: Any, runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = prepared(runs)
    record = directory.record()
    change(record)
    directory.write_record(record)
    with pytest.raises(RunError, match=r"is a run of another config: .*Launch the experiment by name"):
        run_job(directory)
    assert not directory.checkpoints.exists()
    job.read(directory, exactly=False)
    assert "is a run of another config" in caplog.text


def test_a_moved_directory_is_refused(runs: Path) -> None:
    directory = prepared(runs)
    moved = RunDirectory(directory.path.parent.with_name("elsewhere") / directory.path.name)
    moved.path.parent.mkdir()
    directory.path.rename(moved.path)
    with pytest.raises(RunError, match="but the directory is elsewhere"):
        run_job(moved)


def test_ctrl_c_while_the_trial_is_built(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = prepared(runs)

    def interrupted(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "trackers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_job(directory)
    assert directory.status()["state"] == "interrupted"


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ("finished", "", 0),
        ("interrupted", "SIGTERM", 143),
        ("interrupted", "SIGINT", 130),
        ("interrupted", "its launcher is gone", 143),
    ],
)
def test_exit_codes(state: Any, reason: str, code: int) -> None:
    assert exit_code(Outcome(state, 1, 1.0, {}, reason=reason)) == code


def test_the_command(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = prepared(runs)
    nobody = str(os.getpid())  # not this process's parent, as if that were gone
    assert job.main([str(directory.path), "1", nobody]) == 128 + signal.SIGTERM
    assert (directory.status()["step"], directory.status()["error"]) == (1, "its launcher is gone")
    assert job.main([str(directory.path), "1", str(os.getppid())]) == 0
    assert job.main([str(directory.path.with_name("seed-99"))]) == 1
    assert "is no run directory" in caplog.text


def test_the_status_follows_the_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "STATUS_EVERY", 0.0)
    directory = prepared(runs)
    seen: list[dict[str, Any]] = []
    run_job(directory, watch=lambda progress: seen.append(json.loads((directory.path / "status.json").read_text())))
    assert [(status["state"], status["step"]) for status in seen] == [
        ("running", 5), ("running", 10), ("running", 15), ("running", 20)
    ]  # fmt: skip
