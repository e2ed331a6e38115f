"""Jobs as tasks of a Ray cluster, or of one that is started on this machine; needs the extra `cluster`."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.config import ConfigError
from lab.engines import child, forks
from lab.engines.engine import UNLIMITED, EngineError, Job, refuse_unknown
from lab.store import RunDirectory

SETTINGS = ("address", "num_cpus", "num_gpus", "memory", "resources", "accelerator_type", "max_retries")
PASSED_ON = ("LAB_", "WANDB_", "PYTHONPATH")  # the beginnings of variables that a job on another machine has to know
REACHED_WITHIN = 5.0  # seconds
RETRIES = 10  # of a run whose worker or machine died


class Ray:
    """A task a run; Ray places them by what each asks for."""

    name = "ray"
    look_every = 0.2
    here = False

    def __init__(self, jobs: int | None, settings: Mapping[str, Any]):
        import ray

        self.at_a_time = jobs or UNLIMITED
        asked = {name: value for name, value in settings.items() if name != "address"}
        asked = {"num_cpus": 1, "max_retries": RETRIES} | asked
        try:
            self.threads = max(1, int(asked["num_cpus"]))
            self.task = ray.remote(_work).options(**asked)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"A setting of ray has a value that Ray does not take: {error}") from error

    def start(self, directories: Sequence[RunDirectory]) -> list[Job]:
        """A task each. One that asks for what no machine has waits, as Ray has it, until one comes that does."""
        told = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        tasks = [self.task.remote(str(each.path.absolute()), self.threads, os.getcwd(), told) for each in directories]
        return [RayJob(task, each) for task, each in zip(tasks, directories)]


class RayJob:
    """A job that is a task of Ray's."""

    def __init__(self, task: Any, directory: RunDirectory):
        self.task, self.directory = task, directory
        self.signals: list[int] = []

    def ended(self) -> tuple[str, str | None] | None:
        """As `Job`."""
        import ray

        done, _ = ray.wait([self.task], timeout=0)
        if not done:
            return None
        why = signal.Signals(self.signals[0]).name if self.signals else "cancelled in Ray"
        try:
            state, error = child.how_it_ended(ray.get(self.task), self.directory, self.signals)
            return state, why if state == "interrupted" else error
        except ray.exceptions.TaskCancelledError:
            if self.directory.locked():  # its job still saves
                return None
            return "interrupted", why
        except ray.exceptions.RayTaskError as error:
            return "failed", f"{type(error.cause).__name__}: {error.cause}"
        except ray.exceptions.RayError as error:
            if self.signals:
                return "interrupted", why
            name = type(error).__name__
            return "failed", f"Ray lost it ({name}); the same command goes on from the newest checkpoint"

    def signal(self, number: int) -> None:
        """As `Job`: a job whose worker is killed is an orphan, which saves and stops, too."""
        import ray

        self.signals.append(number)
        ray.cancel(self.task, force=number == signal.SIGKILL)


def _work(path: str, threads: int, folder: str, told: Mapping[str, str]) -> int:
    """What runs in a worker of Ray's. A cancel is a SIGINT there, which is noted, so that it interrupts nothing."""
    import ray

    os.environ.update(told)
    if Path(folder).is_dir():
        os.chdir(folder)  # the launcher's, for what is written relative to it
    number = ray.get_runtime_context().get_task_id() or ""
    engine = {"name": "ray", "job": number, "host": socket.gethostname()}
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        # Forked, since a worker has one task after another.
        return child.work(RunDirectory(Path(path)), threads, engine, stop=lambda: bool(noted), start=forks.start)
    finally:
        signal.signal(signal.SIGINT, before)


def engine(jobs: int | None, settings: Mapping[str, Any]) -> Ray:
    """Connects to the cluster at `address` or $RAY_ADDRESS, else starts one here, which ends with this process.

    Raises ConfigError for an unknown setting, EngineError where Ray is not installed or the cluster is away.
    """
    refuse_unknown("ray", settings, SETTINGS)
    # Read when it is imported: no report to its makers, and no warning of what num_gpus=0 will mean one day.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise EngineError(
            "Ray is not installed, so nothing can run on it. Install it: pip install 'ray>=2.50', or the lab with its "
            "extra `cluster`."
        ) from error
    if not ray.is_initialized():
        address = settings.get("address") or os.environ.get("RAY_ADDRESS") or "local"
        _refuse_unreachable(address)
        # Of a cluster of this machine alone nothing is to be reached from beyond it.
        own: dict[str, Any] = (
            {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if address == "local" else {}
        )
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:
            raise EngineError(_away(address, f"{type(error).__name__}: {error}".partition("\n")[0])) from error
    return Ray(jobs, settings)


def _refuse_unreachable(address: str) -> None:
    """Raises EngineError within seconds where nobody listens; Ray itself would try for minutes."""
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACHED_WITHIN).close()
    except (OSError, ValueError) as error:
        raise EngineError(_away(address, str(error))) from error


def _away(address: str, why: str) -> str:
    if address == "local":
        return (
            f"Ray could not start on this machine ({why}). No run was started. A machine that is very busy is the "
            "usual cause: give the same command again, or leave out --on ray."
        )
    return (
        f"No Ray cluster can be reached at {address!r} ({why}). No run was started. Start one with `ray start --head` "
        "and give its address by --with address=HOST:6379, or leave it out for a cluster of this machine alone."
    )
