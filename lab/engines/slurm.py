"""Jobs as an array in SLURM's queue, submitted by submitit; needs the extra `cluster`.

A job that is preempted or out of time is sent SIGUSR2: its run saves, and submitit queues it again, under the same
number. The queue is asked by `squeue`, which every site has; submitit would ask `sacct`, which not every site has.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.config import ConfigError
from lab.engines import child
from lab.engines.engine import UNLIMITED, EngineError, Job, refuse_unknown
from lab.store import RunDirectory, RunError, finished, write_json

log = logging.getLogger("lab")
NOTE = "slurm.json"  # in a run's directory while a job is queued or running for it
LOGS = ".slurm"  # in the folder of runs: submitit's own files
OURS = ("nodes", "ntasks_per_node", "tasks_per_node", "array_parallelism", "num_gpus")  # a run is one process; --jobs
DEFAULTS: dict[str, Any] = {
    "timeout_min": 60,  # a run that takes longer saves, is queued again and goes on
    "max_num_timeout": 1_000,  # times that it is
    "name": "lab",
}
LARGEST_ARRAY = 1_000  # MaxArraySize is 1,001 unless a site says otherwise
QUEUE_EVERY = 10.0  # seconds between two questions to the queue
ANSWERS_WITHIN = 20.0  # seconds


class Slurm:
    """A job of an array for each run; `jobs` of an array at a time."""

    name = "slurm"
    at_a_time = UNLIMITED
    look_every = 0.2
    here = False

    def __init__(self, jobs: int | None, settings: Mapping[str, Any]):
        self.jobs, self.given, self.settings = jobs, dict(settings), {**DEFAULTS, **settings}
        self.queue = Queue()
        try:
            self.threads = int(self.settings.get("cpus_per_task", 1))
            self._executor(Path(), 1)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"A setting of slurm has a value of the wrong kind ({error}). Minutes and counts are whole numbers, "
                "mem_gb is a number, mem a text such as 4G."
            ) from error

    def start(self, directories: Sequence[RunDirectory]) -> list[Job]:
        """Takes the jobs that are queued or running for these runs already, and submits one for each of the others."""
        there = self.queue.ask()
        numbers = {each.path: number for each in directories if (number := noted(each)) in there}
        if numbers and self.given:
            log.warning(
                "In SLURM's queue already, with what they were submitted with and not with %s: %s. To change that, "
                "`scancel` them and give the same command again.",
                " ".join(f"{name}={value}" for name, value in self.given.items()), ", ".join(numbers.values()),
            )  # fmt: skip
        new = list(dict.fromkeys(each for each in directories if each.path not in numbers))
        for first in range(0, len(new), LARGEST_ARRAY):
            numbers |= self._submit(new[first : first + LARGEST_ARRAY])
        return [SlurmJob(numbers[each.path], each, self.queue) for each in directories]

    def _executor(self, folder: Path, count: int) -> Any:
        """Submitit's, with the settings under the names that sbatch has for them."""
        import submitit

        settings = dict(self.settings)
        executor = submitit.SlurmExecutor(folder, max_num_timeout=int(settings.pop("max_num_timeout")))
        settings["array_parallelism"] = self.jobs or count
        executor.update_parameters(**executor._convert_parameters(settings))
        return executor

    def _submit(self, directories: Sequence[RunDirectory]) -> dict[Path, str]:
        """Submits an array; returns each job's number, which is noted in its run's directory."""
        executor = self._executor(_logs(directories[0]), len(directories))
        for directory in directories:  # of a job that is gone; a new one would take it for its successor
            (directory.path / NOTE).unlink(missing_ok=True)
        tasks = [Task(str(each.path.absolute()), self.threads) for each in directories]
        try:
            submitted = executor.submit_array(tasks)
        except Exception as error:  # submitit raises sbatch's refusal as an error of its own, with what sbatch said
            raise EngineError(
                f"sbatch refused the jobs: {_last_line(error)}. The runs wait; mend the settings after --with "
                "(partition, account, time, ...) and give the same command again."
            ) from error
        for job, directory in zip(submitted, directories):
            write_json(directory.path / NOTE, {"job": job.job_id})
        return {directory.path: job.job_id for job, directory in zip(submitted, directories)}


class Queue:
    """The jobs of this user that are waiting or running, as `squeue` last told them."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}  # by number: PENDING, RUNNING, ...
        self.asked = 0  # answers so far
        self.last = -QUEUE_EVERY

    def ask(self) -> dict[str, str]:
        """Asks now. Raises EngineError where the cluster does not answer."""
        words = ["squeue", "--user", getpass.getuser(), "--noheader", "--array", "--format", "%i %T"]
        self.last = time.monotonic()
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=True, start_new_session=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip()
            raise EngineError(
                f"The SLURM cluster does not answer ({said}). Nothing was submitted or changed. `squeue` shows whether "
                "it is back; then give the same command again."
            ) from error
        self.there = {number: state for number, _, state in (line.partition(" ") for line in done.stdout.splitlines())}
        self.asked += 1
        return self.there

    def ask_now_and_then(self) -> None:
        """Asks if the last answer is old. A cluster that does not answer for a while is not told: its jobs go on."""
        if time.monotonic() - self.last >= QUEUE_EVERY:
            try:
                self.ask()
            except EngineError as error:
                log.debug("%s", error)


class SlurmJob:
    """A job in the queue, or running."""

    def __init__(self, number: str, directory: RunDirectory, queue: Queue):
        import submitit

        self.number, self.directory, self.queue = number, directory, queue
        self.submitted = submitit.SlurmJob(_logs(directory), number)
        self.left: int | None = None  # the signal on which the launcher leaves it to the cluster
        self.seen = queue.asked  # the queue's last answer that knew of it

    def ended(self) -> tuple[str, str | None] | None:
        """As `Job`; one that the launcher was asked to leave is told as waiting."""
        if self.left is not None:
            return "waiting", (
                f"{signal.Signals(self.left).name}: SLURM's job {self.number} goes on without this launcher; "
                f"`squeue --job {self.number}` shows it, `scancel {self.number}` ends it"
            )
        if self.submitted.paths.result_pickle.exists():
            end = self._result()
        elif self._gone():
            end = self._lost()
        else:
            return None
        (self.directory.path / NOTE).unlink(missing_ok=True)
        return end

    def signal(self, number: int) -> None:
        """As `Job`: the cluster's jobs do not need this launcher, so they are left alone."""
        self.left = self.left or number

    def _result(self) -> tuple[str, str | None]:
        try:
            return child.how_it_ended(self.submitted.result(), self.directory, [])
        except Exception as error:  # what the task raised, as text
            return "failed", f"SLURM's job {self.number}: {_last_line(error)}"

    def _gone(self) -> bool:
        """Whether two answers of the queue in a row know nothing of it, and nobody works in its directory.

        Between a job's end and what it leaves on a shared file system, as between its first end and its being queued
        again, it may be missed once.
        """
        self.queue.ask_now_and_then()
        if self.number in self.queue.there:
            self.seen = self.queue.asked
        return self.queue.asked - self.seen >= 2 and not self.directory.locked()

    def _lost(self) -> tuple[str, str | None]:
        """Of a job that left no word: what its directory says, and what the accounting, if there is one."""
        if finished(self.directory):
            return "finished", None
        status = self.directory.status()
        word = _accounted(self.number) or "ended without a word"
        if status["state"] == "interrupted" and status["error"] == "SIGTERM":
            return "interrupted", f"SIGTERM: SLURM's job {self.number} is {word}"
        return "failed", (
            f"SLURM's job {self.number}: {word}; see {self.submitted.paths.stderr}. The same command goes on from the "
            "newest checkpoint"
        )


@dataclass
class Task:
    """What submitit runs on a machine of the cluster. It is pickled, and so is all that it holds."""

    path: str
    threads: int

    def __call__(self) -> int:
        """The job from its start to its end, or to a signal; returns its exit code.

        submitit's handler of SIGUSR2 would end this process wherever it is, so the signals are only noted here: the run
        saves, and then the handler is called. SIGTERM means that the job is cancelled, or that SLURM itself will queue
        it again; so no result is left, and SLURM's word counts.
        """
        import submitit

        directory, mine = RunDirectory(Path(self.path)), submitit.JobEnvironment().job_id
        if (other := noted(directory)) not in ("", mine):  # started over while this one was queued
            raise RunError(f"{directory.path} is that of SLURM's job {other} now, so job {mine} leaves it alone.")
        if directory.exists():
            write_json(directory.path / NOTE, {"job": mine})  # the launcher may have been killed before it did
        notice = submitit.JobEnvironment()._usr_sig()
        got: list[int] = []
        requeue = signal.signal(notice, lambda number, frame: got.append(number))
        signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
        engine = {"name": "slurm", "job": mine, "host": os.uname().nodename}
        code = child.work(directory, self.threads, engine, stop=lambda: bool(got))
        finished = directory.status()["state"] == "finished" and code == 0
        if notice in got and not finished and callable(requeue):
            requeue(notice, None)  # checkpoint(), `scontrol requeue`, and the end of this process
        if got and not finished:
            raise SystemExit(128 + signal.SIGTERM)
        return code

    def checkpoint(self) -> Any:
        """What is queued again: the same, since all else lies in the run's directory."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def noted(directory: RunDirectory) -> str:
    """The number of the job that was last submitted for a run and not seen to end; empty where there is none."""
    try:
        return str(json.loads((directory.path / NOTE).read_text())["job"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def engine(jobs: int | None, settings: Mapping[str, Any]) -> Slurm:
    """The cluster that `sbatch` on the path speaks to.

    Raises ConfigError for an unknown setting, EngineError where submitit is not installed or no cluster answers.
    """
    # submitit reads it when it is imported; its warnings would lie in the progress display.
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "ERROR")
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise EngineError(
            "submitit is not installed, so nothing can be sent to SLURM. Install it: pip install 'submitit>=1.5.4,<2', "
            "or the lab with its extra `cluster`."
        ) from error
    known = submitit.SlurmExecutor._valid_parameters() | set(submitit.SlurmExecutor._equivalence_dict() or {})
    refuse_unknown("slurm", settings, sorted({*known, "max_num_timeout"} - set(OURS)))
    lacking = [command for command in ("sbatch", "srun", "squeue") if shutil.which(command) is None]
    if lacking:
        raise EngineError(
            f"There is no {', '.join(lacking)} on the path, so this machine cannot reach a SLURM cluster. "
            "Nothing was started. Log in to a machine of the cluster that submits jobs, or leave out --on slurm."
        )
    made = Slurm(jobs, settings)
    made.queue.ask()
    return made


def _logs(directory: RunDirectory) -> Path:
    """Submitit's folder, beside the experiments' folders of runs."""
    return directory.path.absolute().parents[2] / LOGS


def _accounted(number: str) -> str:
    """The state of a job that is over, such as TIMEOUT or OUT_OF_MEMORY; nothing where the site keeps no accounts."""
    words = ["sacct", "--jobs", number, "--noheader", "--parsable2", "--allocations", "--format", "State"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def _last_line(error: Exception) -> str:
    """The line of an error of submitit's that says what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("-")]
    telling = [line for line in lines if "error:" in line.lower() or ": " in line]
    return (telling or lines or [type(error).__name__])[-1]
