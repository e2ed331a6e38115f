"""Jobs that are forked from a process which has imported what takes long: a run's start then costs a moment.

Python takes one to two seconds to import torch. Here one process, the server, does so once for all runs of a launch. It
imports libraries alone, so that every job reads the lab's own code and the experiment's afresh, and it computes nothing
and starts no thread, so that a job is what it would be in a process of its own.

A job is the server's child, so the server is its launcher, as `lab.job` has it: it ends with the process that started
it, however that ends, and then its jobs save and stop. What the two say to each other is a line of JSON each.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any

from lab.engines import child
from lab.engines.child import deaf_to_batch_systems, job_environment, job_words
from lab.store import RunDirectory, finished

AVAILABLE = sys.platform == "linux"  # elsewhere libraries start threads, which no fork survives
LIBRARIES = ("gymnasium", "ale_py", "sklearn")  # beside torch, those that take long to import
READ_BY_JOBS = ("LAB_", "WANDB_")  # the beginnings of variables that nothing reads before a job has begun
SERVER = "{SERVER}"  # in a job's words: the number of the server's process
SIGNALS = {signal.SIGTERM, signal.SIGINT}
LOOK_EVERY = 0.5  # seconds between two looks whether who started the server is still there

_server: Server | None = None  # of this process; it ends with it
_starting = threading.Lock()


def start(directory: RunDirectory, threads: int, engine: Mapping[str, str]) -> child.Process:
    """As `child.start`, forked from the server of this process, which is started where there is none that fits."""
    global _server
    if not AVAILABLE:
        return child.start(directory, threads, engine)
    everything = job_environment(threads, engine)
    own = {name: value for name, value in everything.items() if name.startswith(READ_BY_JOBS)}
    environment = {name: value for name, value in everything.items() if name not in own}
    with _starting:
        if _server is None or _server.gone or _server.environment != environment:
            _server = Server(environment)  # one that no longer fits ends with the last of its jobs
        return _server.fork(directory, threads, own)


class Server:
    """The launcher's end of it."""

    def __init__(self, environment: Mapping[str, str]):
        self.environment = dict(environment)
        with deaf_to_batch_systems():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab.engines.forks", str(os.getpid())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._from, False)
        self._reading = threading.Lock()
        self._unread = b""
        self._codes: dict[int, int] = {}  # of the jobs that have ended
        self._jobs = 0
        self._say({"import": imported_here()})

    @property
    def gone(self) -> bool:
        """Whether it has ended, so that all its jobs are orphans."""
        return self.process.poll() is not None

    def fork(self, directory: RunDirectory, threads: int, environment: Mapping[str, str]) -> ForkedJob:
        """Starts the job of a run, with the variables that jobs read."""
        self._jobs += 1
        self._say(
            {
                "job": self._jobs,
                "words": job_words(directory, threads, SERVER),
                "log": str((directory.path / "log.txt").absolute()),
                "folder": os.getcwd(),
                "environment": dict(environment),
            }
        )
        return ForkedJob(self, self._jobs, directory)

    def code_of(self, job: int) -> int | None:
        """The exit code of a job, minus the signal that ended it; None while none is told."""
        with self._reading, suppress(BlockingIOError):
            while read := os.read(self._from, 65536):
                *lines, self._unread = (self._unread + read).split(b"\n")
                self._codes.update(json.loads(line) for line in lines)
        return self._codes.get(job)

    def signal(self, job: int, number: int) -> None:
        """Sends a job a signal, if it goes on."""
        self._say({"signal": [job, int(number)]})

    def _say(self, line: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # it is gone, as whoever looks for its jobs will find
            _write(self._to, line)


class ForkedJob:
    """A job of a server's, as `child.Process`."""

    def __init__(self, server: Server, number: int, directory: RunDirectory):
        self.server, self.number, self.directory = server, number, directory

    def poll(self) -> int | None:
        """The exit code. Where the server was killed nobody knows it; its jobs then save and stop."""
        gone = self.server.gone  # asked first: what it said before it ended is read after that
        code = self.server.code_of(self.number)
        if code is None and gone and not self.directory.locked():
            return 0 if finished(self.directory) else -signal.SIGKILL
        return code

    def send_signal(self, number: int) -> None:
        """Sends it a signal, if it goes on."""
        self.server.signal(self.number, number)


def imported_here() -> list[str]:
    """Of the libraries, what this process has imported, in that order: its jobs will need the same."""
    return ["torch", *(name for name in sys.modules if name.partition(".")[0] in LIBRARIES)]


def main(arguments: Sequence[str]) -> int:
    """`python -m lab.engines.forks STARTER`: serves until that process is gone; in a job, does it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a batch system sends them to all; what they mean, jobs are told
    told, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)  # where a library prints as it is imported, no answer is meant
    os.close(nowhere)
    job = _Serving(told, answers, int(arguments[0])).until_left()
    return 0 if job is None else _become(job)


class _Serving:
    """The server's own end."""

    def __init__(self, told: int, answers: int, starter: int):
        self.told, self.answers, self.starter = told, answers, starter
        self.going: dict[int, int] = {}  # the process of each job
        self.unread = b""
        self.wakes, self.woken = os.pipe()  # by the end of a job
        os.set_blocking(self.wakes, False)
        os.set_blocking(self.woken, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.woken, warn_on_full_buffer=False)

    def until_left(self) -> dict[str, Any] | None:
        """Forks what is asked for. Returns in each job what it is to be, and None where the starter is gone."""
        while os.getppid() == self.starter:
            readable, _, _ = select([self.told, self.wakes], [], [], LOOK_EVERY)
            if self.wakes in readable:
                os.read(self.wakes, 65536)
                self._tell_ends()
            if self.told in readable:
                if not (read := os.read(self.told, 65536)):
                    return None
                *lines, self.unread = (self.unread + read).split(b"\n")
                for line in lines:
                    if (job := self._do(json.loads(line))) is not None:
                        return job
        return None

    def _do(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """One request; returns it in the process that it has forked."""
        if "import" in request:
            for name in request["import"]:
                with suppress(Exception):  # what is no module to import: the job will say so, if it needs it
                    import_module(name)
            sys.modules["torch"].set_num_threads(1)  # until a job says how many
            gc.freeze()  # what is imported stays: looking through it takes a third of a second at a process's end
        elif "signal" in request:
            job, number = request["signal"]
            if job in self.going:  # not waited for yet, so the process's number is still its own
                os.kill(self.going[job], number)
        else:
            return self._fork(request)
        return None

    def _fork(self, job: dict[str, Any]) -> dict[str, Any] | None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # for the job, until it can take them
        try:
            process = os.fork()
        except OSError as error:  # too many processes, or too little memory for one more: the others go on
            with suppress(OSError), open(job["log"], "a") as log:
                log.write(f"OSError: it could not be started ({error.strerror})\n")
            _write(self.answers, [job["job"], 1])
        else:
            if process == 0:
                self._close()
                return job
            self.going[job["job"]] = process
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return None

    def _tell_ends(self) -> None:
        for job, process in list(self.going.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                del self.going[job]
                with suppress(BrokenPipeError):
                    _write(self.answers, [job, os.waitstatus_to_exitcode(status)])

    def _close(self) -> None:
        """In a job: nothing of the server's is kept."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self.told, self.answers, self.wakes, self.woken):
            os.close(descriptor)


def _write(descriptor: int, what: Any) -> None:
    """A line of JSON."""
    left = json.dumps(what).encode() + b"\n"
    while left:
        left = left[os.write(descriptor, left) :]


def _become(job: Mapping[str, Any]) -> int:
    """Makes the forked process what one that was started for the job would be; returns the job's exit code."""
    server = os.getppid()
    os.setsid()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    name, *words = (str(server) if word == SERVER else word for word in job["words"])
    with suppress(OSError):  # for `top`
        Path("/proc/self/comm").write_text(" ".join(Path(job["log"]).parts[-2:-5:-2]))
    module = import_module(name)
    sys.argv = [str(module.__file__), *words]
    code: int = module.main(words)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
