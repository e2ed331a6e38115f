"""The job as a child process: how it is started, waited for and understood, on whichever machine it is.

Imports nothing that takes long: on the machines of a cluster this is what a job starts with.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lab.store import RunDirectory, RunError

PATIENCE = 120.0  # seconds for an orphan of an earlier attempt to save and leave the directory
ENGINE = "LAB_ENGINE"  # the variable that tells a job, as JSON, what started it
_ERROR = re.compile(r"[A-Za-z_][\w.]*: .+")  # as a traceback ends


class Process(Protocol):
    """What launchers use of subprocess.Popen."""

    def poll(self) -> int | None:
        """The exit code, minus the signal that ended it; None while it goes on."""

    def send_signal(self, number: int) -> None:
        """Sends it a signal, if it goes on."""


def start(directory: RunDirectory, threads: int, engine: Mapping[str, str]) -> Process:
    """Starts the job of a run in a process of its own, whose launcher is this process; it writes to log.txt.

    `engine` says what started it: {"name": "slurm", "job": "12_0"}.
    """
    with deaf_to_batch_systems(), open(directory.path / "log.txt", "ab") as log_file:
        # A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
        return subprocess.Popen(
            job_command(directory, threads),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            env=job_environment(threads, engine),
            start_new_session=True,
        )


@contextmanager
def deaf_to_batch_systems() -> Iterator[None]:
    """What is started inside blocks SIGUSR1 and SIGUSR2 for good.

    A batch system sends its warning to every process of a job; what it asks for, the job is told by SIGTERM.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})  # inherited
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def job_command(directory: RunDirectory, threads: int) -> list[str]:
    """The command line of a run's job, whose launcher is this process."""
    return [sys.executable, "-m", *job_words(directory, threads, str(os.getpid()))]


def job_words(directory: RunDirectory, threads: int, launcher: str) -> list[str]:
    """What follows `python -m` for a run's job; its threads are divided among its devices."""
    devices = devices_of(directory)
    job = ["lab.job"] if devices == 1 else ["lab.torchrun", str(devices)]
    return [*job, str(directory.path), str(max(1, threads // devices)), launcher]


def job_environment(threads: int, engine: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, and those that tell a job its threads and what started it."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), ENGINE: json.dumps(dict(engine))}


def devices_of(directory: RunDirectory) -> int:
    """How many devices the run in a directory is trained on; one where none was begun."""
    return directory.record().get("devices", 1) if directory.exists() else 1


def started_by() -> dict[str, str]:
    """In a job: what started it, for environment.json."""
    told: dict[str, str] = json.loads(os.environ.get(ENGINE, '{"name": "local"}'))
    return told


def work(
    directory: RunDirectory,
    threads: int,
    engine: Mapping[str, str],
    stop: Callable[[], bool],
    nap: float = 0.05,
    start: Callable[[RunDirectory, int, Mapping[str, str]], Process] = start,
) -> int:
    """On the machine of an engine: the job from its start to its end; returns its exit code.

    The job is asked once to save and stop, when `stop` says so. `start` is how a process becomes it.
    Raises RunError where the directory is not on this machine, or another process stays in it.
    """
    if not directory.exists():
        raise RunError(
            f"{directory.path} is not on {os.uname().nodename}, so its run cannot be computed there. Runs have to lie "
            "on a file system that all machines share: give such a folder by --runs-dir or $LAB_RUNS."
        )
    end = time.monotonic() + PATIENCE
    while directory.locked() and time.monotonic() < end and not stop():
        time.sleep(nap)
    if stop():
        return -signal.SIGTERM
    process = start(directory, threads, engine)
    asked = False
    while (code := process.poll()) is None:
        if stop() and not asked:
            asked = True
            process.send_signal(signal.SIGTERM)
        time.sleep(nap)
    return code


def how_it_ended(returncode: int, directory: RunDirectory, signals: Sequence[int]) -> tuple[str, str | None]:
    """A run's state and what went wrong, from its job's exit code; `signals` are those that it was sent."""
    if returncode == 0:  # whatever a shared file system still shows of status.json
        return "finished", None
    status = directory.status()
    if status["state"] == "interrupted" and returncode > 128:
        return "interrupted", status["error"]
    if signals and returncode < 0:  # it had not begun to train, or a second signal ended it
        return "interrupted", signal.Signals(signals[0]).name
    if returncode < 0:
        name = signal.Signals(-returncode).name
        return "failed", f"its process was ended by {name}; the same command goes on from the newest checkpoint"
    error = status["error"] if status["state"] == "failed" else _last_words(directory.path / "log.txt")
    return "failed", error or f"its process ended with exit code {returncode}; see {directory.path / 'log.txt'}"


def _last_words(log: Path) -> str | None:
    """The error that log.txt ends with: of a child that was refused, which may not write to status.json."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return None
    if not lines or not _ERROR.fullmatch(lines[-1]):
        return None
    name, _, message = lines[-1].partition(": ")
    return f"{name.rpartition('.')[2]}: {message}"
