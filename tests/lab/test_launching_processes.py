"""Launches of real processes: signals, a second process, orphans, several side by side."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.checkpoint import Checkpoints
from lab.cli import main
from lab.launching import Launched, launch
from lab.store import RunDirectory, find_runs
from tests.lab.test_launching import ROOT, shas, timeless

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts `lab` with some words; what is still there at the end is killed."""
    processes: list[subprocess.Popen] = []

    def start(*words: str) -> subprocess.Popen:
        code = "import sys; from lab.cli import main; sys.exit(main())"
        with open(tmp_path / "output", "w") as output:
            process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, stdout=output, stderr=output)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within a minute"
        time.sleep(0.02)


def going(runs: Path, count: int) -> bool:
    """Whether so many runs have logged rows."""
    return sum(len(directory.rows()) >= 2 for directory in find_runs(runs)) >= count


SLOW = ["--seconds", "0.01", "--run.steps", "100000", "--run.log-every", "3", "--run.save-every", "1000"]


def finish(directory: RunDirectory, expect_rows_from: int) -> None:
    """Goes on with a run for some steps and compares it with one that was never stopped."""
    step = directory.status()["step"]
    seed, budget = int(directory.path.name.removeprefix("seed-")), step + 10
    settings = {"run.steps": budget, "run.log_every": 3, "run.save_every": 1000}
    (resumed,) = launch("walk", [seed], changes={"seconds": 0.01, **settings})
    (straight,) = launch("walk", [seed], changes={"seconds": 0.0, **settings})
    assert resumed.directory == directory
    assert timeless(resumed.directory) == timeless(straight.directory)
    assert len(timeless(straight.directory)) > expect_rows_from
    assert shas([resumed]) == shas([straight])


def test_sigterm_to_a_run_and_a_second_process_in_its_directory(
    started: Callable[..., subprocess.Popen], runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "walk", "--seeds", "3,4", *SLOW]
    process = started(*words)
    wait_for(lambda: going(runs, 1), "training")
    directory = find_runs(runs)[0]

    record = directory.record()
    assert main(["run", "walk", "--seeds", "3", *SLOW[:2], "--run.steps", "7"]) == 1
    assert "Another process is working in" in capsys.readouterr().out
    assert directory.record() == record, "a refused process changes nothing"
    assert main(["run", "walk", "--seeds", "3", *SLOW, "--fresh"]) == 1
    assert "Another process is working in" in capsys.readouterr().err
    assert main(["runs", "--json"]) == 0
    told = {item["seed"]: item["state"] for item in json.loads(capsys.readouterr().out)}
    assert told == {3: "running", 4: "waiting"}

    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    output = (tmp_path / "output").read_text()
    assert f"interrupted: {directory.path}  SIGTERM" in output
    assert f"waiting: {directory.path.with_name('seed-4')}" in output
    assert f"Go on with: lab {shlex.join(words)}" in output
    status = directory.status()
    assert (status["state"], status["error"]) == ("interrupted", "SIGTERM")
    assert Checkpoints(directory.checkpoints).steps() == [status["step"]]
    finish(directory, 3)


def test_ctrl_c_to_a_launch_of_several_processes(
    started: Callable[..., subprocess.Popen], runs: Path, tmp_path: Path
) -> None:
    words = ["run", "walk", "--seeds", "0-2", "--jobs", "2", *SLOW]
    process = started(*words)
    wait_for(lambda: going(runs, 2), "training")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    output = (tmp_path / "output").read_text()
    assert "Traceback" not in output
    assert f"Go on with: lab {shlex.join(words)}" in output
    directories = find_runs(runs)
    states = [(directory.status()["state"], directory.status()["error"]) for directory in directories]
    assert states == [("interrupted", "SIGINT"), ("interrupted", "SIGINT"), ("waiting", None)]
    for directory in directories[:2]:
        assert not directory.locked(), "its process is gone"
        assert Checkpoints(directory.checkpoints).steps() == [directory.status()["step"]]
    finish(directories[0], 3)


def test_children_save_and_stop_when_their_launcher_is_killed(
    started: Callable[..., subprocess.Popen], runs: Path
) -> None:
    process = started("run", "walk", "--seeds", "0-1", "--jobs", "2", *SLOW)
    wait_for(lambda: going(runs, 2), "training")
    process.kill()
    process.wait()
    directories = find_runs(runs)
    wait_for(lambda: not any(directory.locked() for directory in directories), "the end of the children")
    for directory in directories:
        status = directory.status()
        assert (status["state"], status["error"]) == ("interrupted", "its launcher is gone")
        assert Checkpoints(directory.checkpoints).steps() == [status["step"]]


def test_processes_side_by_side_train_what_one_trains_and_tell_failures(runs: Path) -> None:
    told: list[Any] = []
    launched = launch("walk", [0, 1], jobs=2, watch=lambda directory, news: told.append((directory, news)))
    assert [news.state for _, news in told if isinstance(news, Launched)] == ["finished", "finished"]
    assert [item.did for item in launch("walk", [0, 1], jobs=2)] == ["nothing", "nothing"]
    alone = launch("walk", [0, 1], runs_dir=runs.with_name("alone"))
    assert shas(launched) == shas(alone)
    assert [timeless(item.directory) for item in launched] == [timeless(item.directory) for item in alone]
    (failed,) = launch("walk", [0], jobs=2, changes={"breaks_at": 3})
    assert (failed.state, failed.error) == ("failed", "ZeroDivisionError: the toy broke as it was told to")
    assert "Traceback" in (failed.directory.path / "log.txt").read_text()
