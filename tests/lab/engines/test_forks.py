"""Jobs forked from a server: each is what it would be in a process of its own."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.engines import forks
from lab.engines.child import how_it_ended
from lab.store import RunDirectory

pytestmark = pytest.mark.skipif(not forks.AVAILABLE, reason="jobs are forked on Linux alone")

JOB = """
import json, os, signal, sys, time
before = {"torch": "torch" in sys.modules, "lab": [name for name in sys.modules if name.startswith("lab.job")]}
def main(words):
    act, path, threads, launcher = words
    if act == "tell":
        import torch
        print(json.dumps(before | {
            "words": words, "argv": sys.argv, "launcher is parent": os.getppid() == int(launcher),
            "session": os.getsid(0) == os.getpid(), "folder": os.getcwd(),
            "open": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
            "input": os.readlink("/proc/self/fd/0"),
            "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "handlers": [signal.getsignal(getattr(signal, name)) is handler for name, handler in
                [("SIGTERM", signal.SIG_DFL), ("SIGINT", signal.default_int_handler), ("SIGCHLD", signal.SIG_DFL)]],
            "variables": {name: os.environ[name] for name in os.environ if name.startswith(("LAB_", "OMP_", "MINE"))},
            "threads of the server": len(os.listdir(f"/proc/{launcher}/task")), "threads": torch.get_num_threads(),
            "name": open("/proc/self/comm").read().strip(),
        }), flush=True)
    if act == "break":
        raise ValueError("as told")
    while act == "wait" and os.getppid() == int(launcher):
        time.sleep(0.01)
    return 3
"""


@pytest.fixture
def fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., forks.ForkedJob]]:
    """Forks a job that does something in a directory."""
    (tmp_path / "a_job_to_tell.py").write_text(JOB)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}")
    monkeypatch.setattr(forks, "_server", None)

    def words(directory: RunDirectory, threads: int, launcher: str) -> list[str]:
        return ["a_job_to_tell", directory.path.parents[1].name, str(directory.path), str(threads), launcher]

    monkeypatch.setattr(forks, "job_words", words)

    def start(act: str, seed: int = 0) -> forks.ForkedJob:
        directory = RunDirectory(tmp_path / act / "0a1b" / f"seed-{seed}")
        directory.path.mkdir(parents=True, exist_ok=True)
        return forks.start(directory, 1, {"name": "local"})

    yield start
    if forks._server is not None:
        forks._server.process.kill()


def code_of(job: forks.ForkedJob) -> int:
    end = time.monotonic() + 60
    while (code := job.poll()) is None:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.01)
    return code


def told(job: forks.ForkedJob) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.directory.path / "log.txt").read_text())
    return found


def server_of(job: forks.ForkedJob) -> int:
    return job.server.process.pid


def test_a_forked_job_is_what_a_process_of_its_own_is(
    fork: Callable[..., forks.ForkedJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("LAB_DATA", "/first")
    monkeypatch.chdir(tmp_path)
    job = fork("tell")
    assert code_of(job) == 3
    found, path = told(job), str(job.directory.path)
    assert found.pop("variables") == {
        name: value for name, value in os.environ.items() if name.startswith("LAB_")
    } | {"MINE": "1", "OMP_NUM_THREADS": "1", "LAB_ENGINE": '{"name": "local"}'}  # fmt: skip
    assert found == {
        "torch": True, "lab": [], "words": ["tell", path, "1", str(server_of(job))],
        "argv": [str(tmp_path / "a_job_to_tell.py"), "tell", path, "1", str(server_of(job))],
        "launcher is parent": True, "session": True, "folder": str(tmp_path), "open": [0, 1, 2],
        "input": "/dev/null", "blocked": sorted([signal.SIGUSR1, signal.SIGUSR2]), "handlers": [True] * 3,
        "threads of the server": 1, "threads": 1, "name": "seed-0 tell",
    }  # fmt: skip

    monkeypatch.delenv("LAB_DATA")
    monkeypatch.setenv("LAB_MINE", "2")
    again = fork("tell", seed=1)
    assert code_of(again) == 3
    assert server_of(again) == server_of(job), "one server for what only jobs read"
    assert "LAB_DATA" not in told(again)["variables"]
    assert told(again)["variables"]["LAB_MINE"] == "2"

    monkeypatch.setenv("MINE", "2")
    other = fork("tell", seed=2)
    assert code_of(other) == 3
    assert server_of(other) != server_of(job), "what a library may have read when it was imported"
    assert told(other)["variables"]["MINE"] == "2"


def test_how_forked_jobs_end(fork: Callable[..., forks.ForkedJob]) -> None:
    waiting = [fork("wait", seed) for seed in range(3)]
    broken = fork("break")
    assert code_of(broken) == 1
    assert (broken.directory.path / "log.txt").read_text().endswith("ValueError: as told\n")
    waiting[0].send_signal(signal.SIGTERM)
    waiting[2].send_signal(signal.SIGKILL)
    assert [code_of(waiting[0]), code_of(waiting[2])] == [-signal.SIGTERM, -signal.SIGKILL]
    assert waiting[1].poll() is None
    waiting[0].send_signal(signal.SIGKILL)  # it is gone: nobody gets it
    waiting[1].send_signal(signal.SIGINT)
    assert code_of(waiting[1]) == -signal.SIGINT, "as Python ends where nobody takes it"
    assert "KeyboardInterrupt" in (waiting[1].directory.path / "log.txt").read_text()


def test_a_signal_right_after_the_start_is_not_lost(fork: Callable[..., forks.ForkedJob]) -> None:
    jobs = [fork("wait", seed) for seed in range(8)]
    for job in jobs:
        job.send_signal(signal.SIGTERM)
    assert [code_of(job) for job in jobs] == [-signal.SIGTERM] * 8


def test_where_the_server_is_killed_a_job_counts_as_going_on_until_it_has_saved(
    fork: Callable[..., forks.ForkedJob],
) -> None:
    first = fork("tell")
    assert code_of(first) == 3
    job = fork("wait")
    with open(job.directory.path / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        job.server.process.kill()
        job.server.process.wait()
        assert job.poll() is None
    assert job.poll() == -signal.SIGKILL
    assert first.poll() == 3, "what it told before"
    another = fork("tell", seed=1)
    assert code_of(another) == 3
    assert server_of(another) != server_of(job)


def test_a_server_ends_with_its_starter(tmp_path: Path) -> None:
    program = """
import os, signal
from lab.engines import forks
server = forks.Server(os.environ)
child = os.fork()  # which holds the server's input open
if child == 0:
    signal.pause()
print(server.process.pid, child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server, child = map(int, starter.stdout.readline().split())
        starter.wait()
        try:
            end = time.monotonic() + 60
            while Path(f"/proc/{server}").exists():
                assert time.monotonic() < end, "the server stays"
                time.sleep(0.05)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_job_that_cannot_be_forked_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    (told, _), (read, answers) = os.pipe(), os.pipe()
    handler = signal.getsignal(signal.SIGCHLD)
    serving = forks._Serving(told, answers, os.getppid())
    try:
        monkeypatch.setattr(os, "fork", refuse)
        assert serving._do({"job": 7, "log": str(tmp_path / "log.txt")}) is None
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, handler)
    assert os.read(read, 100) == b"[7, 1]\n"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert how_it_ended(1, RunDirectory(tmp_path), []) == (
        "failed", "OSError: it could not be started (Resource temporarily unavailable)",
    )  # fmt: skip


def test_libraries_that_this_process_has_imported_are_imported_there() -> None:
    import sklearn.datasets  # noqa: F401

    names = forks.imported_here()
    assert names[0] == "torch"
    assert {"sklearn", "sklearn.datasets"} <= set(names)
    assert not [name for name in names if name.startswith(("lab", "numpy", "pytest"))]
