"""A job as several processes that train together, started and watched by torchrun.

`python -m lab.torchrun DEVICES DIRECTORY THREADS [LAUNCHER]` ends as `python -m lab.job` does, so that whoever launches
need not know how many processes there are.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from lab.store import RunDirectory

LOOK_EVERY = 0.5  # seconds between two looks whether the launcher is still there
GRACE = "600"  # seconds to finish a step and save after a signal; torch before 2.12 knows 30 alone


def main(arguments: list[str]) -> int:
    """0 finished, 1 failed, 128 + signal interrupted; ends by the signal that ended one of the processes.

    Where LAUNCHER is gone, it leaves as well, and the processes, whose launcher it is, save and stop.
    """
    devices, path, threads = int(arguments[0]), arguments[1], arguments[2]
    if len(arguments) > 3:
        threading.Thread(target=_leave_with, args=(int(arguments[3]),), daemon=True).start()
    directory = RunDirectory(Path(path))
    before = directory.status().get("updated")
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the processes say what went wrong
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", GRACE)
    with TemporaryDirectory(prefix="lab-") as logs:
        plan = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=devices, run_id=str(uuid4()), rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", local_addr="127.0.0.1", max_restarts=0, monitor_interval=0.1,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )  # fmt: skip
        try:
            elastic_launch(plan, sys.executable)("-m", "lab.job", path, threads, str(os.getpid()))
            return 0
        except SignalException as error:
            stopped, failures = error.sigval, {}
        except ChildFailedError as error:
            stopped, failures = None, error.failures
    if stopped is None:
        return _code_of(failures)
    status = directory.status()
    state = status["state"] if status.get("updated") != before else "not begun"
    if state in ("finished", "failed"):
        return 0 if state == "finished" else 1
    return 128 + stopped if state == "interrupted" else _end_by(stopped)


def _code_of(failures: Mapping[int, ProcessFailure]) -> int:
    """What the failures of processes, by rank, come to: torchrun ends the others by SIGTERM once one has failed."""
    codes = {rank: failure.exitcode for rank, failure in failures.items()}
    for code in codes.values():
        if code < 0 and -code != signal.SIGTERM:
            return _end_by(signal.Signals(-code))
    return codes[0] if codes.get(0, 0) > 0 else 1


def _end_by(number: signal.Signals) -> int:
    """Ends this process as the signal does, which tells whoever waits for it."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _leave_with(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(LOOK_EVERY)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
