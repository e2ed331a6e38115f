"""A SLURM cluster of one machine for tests: commands to put on the path, and jobs that are real processes.

    cluster = FakeSlurm(folder)               # installs sbatch, srun, squeue, sacct, scontrol, scancel there
    os.environ.update(cluster.environment)    # PATH and FAKE_SLURM, for whoever submits
    cluster.jobs()                            # {"1_0": "RUNNING", "1_1": "PENDING"}
    cluster.pids("1_0")                       # its processes, a job's child among them; without a number, of all jobs
    cluster.preempt("1_0")                    # SIGUSR2 to all of them, as before a time limit; submitit requeues it
    cluster.kill("1_0")                       # SIGKILL to all of them: the job fails, as where memory runs out
    cluster.lose_node("1_0")                  # the same, and the job is queued again, as SLURM has it
    cluster.close()                           # ends every job, and what runs them

As in SLURM, %N of an array limits how many run, signals reach every process of a job's steps, wherever it has gone, a
requeued job keeps its number, scancel sends SIGTERM and, `KILL_WAIT` seconds later, SIGKILL, and a job's state is what
its script's exit code says. But one machine has room for all, and there are no limits of time or memory. Processes are
found in /proc; where there is none, jobs run, but no signal reaches them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

KILL_WAIT = 30.0  # seconds
LOOK_EVERY = 0.05  # seconds
LIVE = ("PENDING", "RUNNING", "COMPLETING")
COMMANDS = ("sbatch", "srun", "squeue", "sacct", "scontrol", "scancel")


class FakeSlurm:
    """The cluster, as whoever tests sees it; all that it knows lies in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()
        self.bin = self.folder / "bin"
        self.bin.mkdir(parents=True)
        (self.folder / "jobs").mkdir()
        for command in COMMANDS:
            script = self.bin / command
            python = f"{shlex.quote(sys.executable)} -S -E {shlex.quote(str(Path(__file__).resolve()))}"
            script.write_text(f'#!/bin/sh\nexec {python} {command} "$@"\n')
            script.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What to add to the environment of a process that shall submit."""
        return {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "FAKE_SLURM": str(self.folder)}

    def jobs(self) -> dict[str, str]:
        """The state of every job that there ever was, by number."""
        with _locked(self.folder):  # or one that ends and the next would both seem to run
            return {job["number"]: job["state"] for job in _every_job(self.folder)}

    def starts(self, number: str) -> int:
        """How often a job was started."""
        return int(_job(self.folder, number)["starts"])

    def pids(self, number: str | None = None) -> list[int]:
        """The processes of a job's step, or of all; not the batch script around it."""
        return list(_processes(self.folder, number))

    def preempt(self, number: str) -> None:
        """Warns a job as before its time limit, or before its place is taken by another."""
        _send(self.folder, number, signal.SIGUSR2)

    def kill(self, number: str) -> None:
        """Ends a job as the kernel does where memory runs out."""
        _send(self.folder, number, signal.SIGKILL)

    def lose_node(self, number: str) -> None:
        """Ends a job as where its machine goes down: it is queued again."""
        _change(self.folder, number, requeue=True)
        _send(self.folder, number, signal.SIGKILL)

    def close(self) -> None:
        """Ends everything at once."""
        (self.folder / "closed").touch()
        end = time.monotonic() + 30
        while controllers := _marked(f"FAKE_SLURM_CONTROLLER={self.folder}"):
            for pid in [*controllers, *self.pids()]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < end, f"processes {controllers} stay"
            time.sleep(LOOK_EVERY)
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


# The state: a file a job, read and written whole


def _job(folder: Path, number: str) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((folder / "jobs" / number).read_text())
    return job


def _every_job(folder: Path) -> list[dict[str, Any]]:
    numbers = [file.name for file in (folder / "jobs").iterdir() if file.suffix != ".new"]
    numbers.sort(key=lambda name: [int(part) for part in name.split("_")])
    return [_job(folder, number) for number in numbers]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import fcntl

    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(folder: Path, job: dict[str, Any]) -> None:
    file = folder / "jobs" / job["number"]
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps(job))
    aside.rename(file)


def _change(folder: Path, number: str, **what: Any) -> None:
    with _locked(folder):
        _write(folder, _job(folder, number) | what)


# Processes: those of a step carry its number in their environment, however far they went from their parent


def _marked(mark: str) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir() if Path("/proc").exists() else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                words = (entry / "environ").read_bytes().split(b"\0")
                zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if mark.encode() in words and not zombie:
                    found.append(int(entry.name))
    return found


def _processes(folder: Path, number: str | None) -> list[int]:
    numbers = [number] if number is not None else [job["number"] for job in _every_job(folder)]
    return [pid for each in numbers for pid in _marked(f"FAKE_SLURM_STEP={folder}:{each}")]


def _send(folder: Path, number: str, which: int) -> None:
    for pid in _processes(folder, number):
        with suppress(ProcessLookupError):
            os.kill(pid, which)


# The commands


def sbatch(words: list[str]) -> int:
    """Takes a script with its #SBATCH lines, and leaves a controller to run it."""
    folder, script = _folder(), Path(words[-1]).resolve()
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), re.MULTILINE))
    if (partition := options.get("partition", "").strip("'")) == "closed":
        print(f"sbatch: error: invalid partition specified: {partition}", file=sys.stderr)
        print("sbatch: error: Batch job submission failed: Invalid partition name specified", file=sys.stderr)
        return 1
    array = re.fullmatch(r"'?0-(\d+)%(\d+)'?", options.get("array", ""))
    with _locked(folder):
        main = 1 + max([int(job["number"].split("_")[0]) for job in _every_job(folder)], default=0)
        numbers = [f"{main}_{i}" for i in range(int(array[1]) + 1)] if array else [str(main)]
        for number in numbers:
            _write(folder, {"number": number, "state": "PENDING", "starts": 0, "requeue": False, "cancelled": 0.0})
    texts = {name: shlex.split(options[name])[0] for name in ("output", "error")}
    arguments = [str(main), array[2] if array else "1", str(script), texts["output"], texts["error"]]
    environment = os.environ | {"FAKE_SLURM_CONTROLLER": str(folder)}
    for inherited in [name for name in environment if name.startswith(("SLURM_", "SUBMITIT_EXECUTOR"))]:
        del environment[inherited]
    with open(folder / "controllers.log", "ab") as log:
        subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, "controller", *arguments], env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    print(f"Submitted batch job {main}")
    return 0


def controller(words: list[str]) -> int:
    """Runs the jobs of one submission to their ends, so many at a time."""
    folder, (main, limit, script, output, error) = _folder(), words
    running: dict[str, subprocess.Popen] = {}
    environment = {name: value for name, value in os.environ.items() if name != "FAKE_SLURM_CONTROLLER"}
    while not (folder / "closed").exists():
        mine = [job for job in _every_job(folder) if job["number"].split("_")[0] == main]
        if all(job["state"] not in LIVE for job in mine):
            return 0
        for job in mine:
            number = job["number"]
            if number in running and (code := running[number].poll()) is not None:
                del running[number]
                state = "COMPLETED" if code == 0 else "FAILED"
                with _locked(folder):
                    job = _job(folder, number)
                    state = "CANCELLED" if job["cancelled"] else "PENDING" if job["requeue"] else state
                    _write(folder, job | {"state": state, "requeue": False})
            elif job["state"] == "PENDING" and job["cancelled"]:
                _change(folder, number, state="CANCELLED")
            elif number in running and job["cancelled"] and time.time() > job["cancelled"] + KILL_WAIT:
                _send(folder, number, signal.SIGKILL)
            elif job["state"] == "PENDING" and len(running) < int(limit):
                _change(folder, number, state="RUNNING", starts=job["starts"] + 1)
                running[number] = _started(script, number, output, error, environment)
        time.sleep(LOOK_EVERY)
    return 0


def _started(script: str, number: str, output: str, error: str, environment: dict[str, str]) -> subprocess.Popen:
    """The batch script of a job."""
    main, _, task = number.partition("_")
    told = {"SLURM_JOB_ID": main, "SLURM_JOB_NUM_NODES": "1", "SLURM_NTASKS": "1", "FAKE_SLURM_NUMBER": number}
    if task:
        told |= {"SLURM_ARRAY_JOB_ID": main, "SLURM_ARRAY_TASK_ID": task, "SLURM_JOB_ID": f"{main}00{task}"}
    with open(_named(output, number), "ab") as out, open(_named(error, number), "ab") as err:
        return subprocess.Popen(
            ["/bin/bash", script], env=environment | told, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip


def _named(pattern: str, number: str) -> str:
    main, _, task = number.partition("_")
    return pattern.replace("%j", main).replace("%A", main).replace("%a", task).replace("%t", "0")


def srun(words: list[str]) -> int:
    """Becomes the step's process."""
    number = os.environ["FAKE_SLURM_NUMBER"]
    while words and words[0].startswith("-"):
        option, *words = words
        if option in ("--output", "--error"):
            file = os.open(_named(words.pop(0), number), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, 1 if option == "--output" else 2)
    step = {"FAKE_SLURM_STEP": f"{_folder()}:{number}", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
    os.execvpe(words[0], words, os.environ | step)


def squeue(words: list[str]) -> int:
    """The jobs that are not over, a line each."""
    parser = argparse.ArgumentParser()
    for option in ("--user", "--format", "--job"):
        parser.add_argument(option)
    for option in ("--noheader", "--array"):
        parser.add_argument(option, action="store_true")
    given = parser.parse_args(words)
    if (_folder() / "away").exists():
        print("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", file=sys.stderr)
        return 1
    for job in _every_job(_folder()):
        if job["state"] in LIVE:
            print(given.format.replace("%i", job["number"]).replace("%T", job["state"]))
    return 0


def sacct(words: list[str]) -> int:
    """The states of jobs, those that are over among them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", "--jobs", action="append")
    parser.add_argument("-o", "--format")
    for option in ("--noheader", "--parsable2", "--allocations"):
        parser.add_argument(option, action="store_true")
    given = parser.parse_args(words)
    fields = given.format.split(",")
    if not given.noheader:
        print("|".join(fields))
    for job in _every_job(_folder()):
        if job["number"] in given.jobs or job["number"].split("_")[0] in given.jobs:
            known = {"JobID": job["number"], "State": job["state"], "NodeList": "here"}
            print("|".join(known[field] for field in fields))
    return 0


def scontrol(words: list[str]) -> int:
    """`scontrol requeue NUMBER`: it ends, by itself or after a while by force, and is queued again."""
    verb, number = words
    assert verb == "requeue", words
    _change(_folder(), number, requeue=True)
    return 0


def scancel(words: list[str]) -> int:
    """`scancel NUMBER ...`, where a number without a task means a whole array; `--signal NAME` only sends one."""
    which = None
    if "--signal" in words:
        place = words.index("--signal")
        which = signal.Signals["SIG" + words[place + 1].removeprefix("SIG")]
        words = words[:place] + words[place + 2 :]
    for job in _every_job(_folder()):
        number = job["number"]
        if (number in words or number.split("_")[0] in words) and job["state"] in LIVE:
            if which is None:
                _change(_folder(), number, cancelled=time.time())
            _send(_folder(), number, which or signal.SIGTERM)
    return 0


def _folder() -> Path:
    return Path(os.environ["FAKE_SLURM"])


if __name__ == "__main__":
    verbs: dict[str, Callable[[list[str]], int]] = {
        "sbatch": sbatch, "srun": srun, "squeue": squeue, "sacct": sacct, "scontrol": scontrol, "scancel": scancel,
        "controller": controller,
    }  # fmt: skip
    sys.exit(verbs[sys.argv[1]](sys.argv[2:]))
