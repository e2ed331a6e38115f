"""The job as a child: what becomes of it, in words."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from lab.engines import child
from lab.engines.child import how_it_ended, started_by, work
from lab.experiment import load
from lab.launching import prepare
from lab.store import RunDirectory, RunError


@pytest.mark.parametrize(
    ("returncode", "state", "error", "signals", "expected"),
    [
        (0, "finished", None, [], ("finished", None)),
        (143, "interrupted", "SIGTERM", [15], ("interrupted", "SIGTERM")),
        (143, "interrupted", "its launcher is gone", [], ("interrupted", "its launcher is gone")),
        (-15, "waiting", None, [15], ("interrupted", "SIGTERM")),  # still importing
        (-9, "running", None, [2, 2], ("interrupted", "SIGINT")),  # a second Ctrl-C
        (-9, "running", None, [], ("failed", "its process was ended by SIGKILL; the same command goes on")),
        (1, "failed", "ValueError: x", [], ("failed", "ValueError: x")),
        (1, "interrupted", "SIGTERM", [], ("failed", "its process ended with exit code 1; see")),  # never began
        (1, "waiting", None, [], ("failed", "its process ended with exit code 1; see")),
    ],
)
def test_how_a_child_ended(
    returncode: int, state: str, error: str | None, signals: list[int], expected: tuple[str, str | None], tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path)
    if state != "waiting":
        directory.write_status(state, step=1, budget=2, unit="paces", error=error)
    got_state, got_error = how_it_ended(returncode, directory, signals)
    assert got_state == expected[0]
    assert got_error == expected[1] if expected[1] is None else str(got_error).startswith(expected[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Traceback:\n  File\nlab.store.RunError: Another process is working in x.\n", "RunError: Another process is"),
        ("ValueError: old\nINFO done\n", "its process ended with exit code 1; see"),
    ],
)
def test_the_last_words_of_a_child_that_was_refused_are_passed_on(text: str, expected: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    (tmp_path / "log.txt").write_text(text)
    state, error = how_it_ended(1, directory, [])
    assert (state, str(error)[: len(expected)]) == ("failed", expected)


def test_what_started_a_job_is_told_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert started_by() == {"name": "local"}
    monkeypatch.setenv("LAB_ENGINE", '{"name": "slurm", "job": "12_0"}')
    assert started_by() == {"name": "slurm", "job": "12_0"}


def test_a_directory_that_another_machine_does_not_see_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"is not on .*, so its run cannot be computed there\. Runs have to lie on a file"
    ):
        work(RunDirectory(tmp_path / "seed-0"), 1, {"name": "ray"}, stop=lambda: False)


@pytest.mark.usefixtures("toys")
def test_a_child_is_asked_once_to_stop_and_is_deaf_to_a_batch_system(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts its SIGTERMs and ends a while after the first; a SIGUSR2 would end it at once."""
    program = """
import os, signal, sys, time
got = []
signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
os.kill(os.getpid(), signal.SIGUSR2)
print("ready", flush=True)
while not got:
    time.sleep(0.01)
time.sleep(0.5)
sys.exit(100 + len(got))
"""
    monkeypatch.setattr(child, "job_command", lambda directory, threads: [sys.executable, "-c", program])
    directory = prepare(load("walk"), "", load("walk").Config(), 0, runs, fresh=False)
    log = directory.path / "log.txt"
    stop = lambda: log.exists() and "ready" in log.read_text()  # noqa: E731
    assert work(directory, 1, {"name": "slurm"}, stop, nap=0.02) == 101
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == set(), "this process is as it was"


@pytest.mark.usefixtures("toys")
def test_a_job_waits_for_an_orphan_that_still_saves(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = prepare(load("walk"), "", load("walk").Config(), 0, runs, fresh=False)
    monkeypatch.setattr(child, "job_command", lambda directory, threads: [sys.executable, "-c", ""])
    looks: list[bool] = []

    def stop() -> bool:
        looks.append(directory.locked())
        if len(looks) == 4:
            os.close(held)
        return False

    import fcntl

    held = os.open(directory.path / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert work(directory, 1, {"name": "ray"}, stop, nap=0.01) == 0
    assert looks[:5] == [True, True, True, True, False]
