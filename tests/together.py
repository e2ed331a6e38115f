"""Calls a function in several processes that train together by gloo, forked from the server of tests/killing.py."""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.killing import LONGEST, context


def together(function: Callable[..., Any], *arguments: Any, processes: int = 2) -> list[Any]:
    """What `function(*arguments)` returns in each process, by rank; raises in the test what it raised."""
    with tempfile.TemporaryDirectory() as folder:
        pipes = [context.Pipe(duplex=False) for _ in range(processes)]
        started = [
            context.Process(target=_part, args=(rank, processes, folder, pipe, function, arguments))
            for rank, (_, pipe) in enumerate(pipes)
        ]
        for process in started:
            process.start()
        try:
            found = [
                pickle.loads(receiving.recv_bytes()) if receiving.poll(LONGEST) else TimeoutError()
                for receiving, _ in pipes
            ]
        finally:
            for process in started:
                process.kill()
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


def attempt(
    directory: Path, devices: int = 2, kill_after: float | None = None, victim: int = 0, number: int = signal.SIGKILL
) -> list[int]:
    """One attempt at the job in `directory` by so many processes; returns their exit codes by rank.

    `kill_after` seconds from when it trains, the process of rank `victim` is sent the signal.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = [
            context.Process(target=_job, args=(rank, devices, folder, str(directory))) for rank in range(devices)
        ]
        for process in started:
            process.start()
        if kill_after is not None:
            mark = Path(folder) / "training"
            while not mark.exists() and all(process.is_alive() for process in started):
                started[victim].join(0.002)
            started[victim].join(kill_after)
            if started[victim].is_alive() and (pid := started[victim].pid):
                os.kill(pid, number)
        for process in started:
            process.join(LONGEST)
            if process.is_alive():
                process.kill()
                raise AssertionError(f"the job in {directory} hangs")
    return [int(process.exitcode or 0) for process in started]


def _join(rank: int, processes: int, folder: str) -> None:
    import torch.distributed as dist

    store = dist.FileStore(f"{folder}/store", processes)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=processes)


def _part(rank: int, processes: int, folder: str, pipe: Any, function: Callable[..., Any], arguments: Any) -> None:
    _join(rank, processes, folder)
    try:
        found = function(*arguments)
    except BaseException as error:
        found = error
    pipe.send_bytes(pickle.dumps(found))  # not `send`, which would share the tensors' memory


def _job(rank: int, devices: int, folder: str, directory: str) -> None:
    from lab.job import exit_code, run_job
    from lab.store import RunDirectory

    if devices > 1:
        _join(rank, devices, folder)

    def mark() -> str:
        if not os.path.exists(flag):
            open(flag, "w").close()
        return ""

    flag = os.path.join(folder, "training")
    os._exit(exit_code(run_job(RunDirectory(Path(directory)), stop=mark)))
