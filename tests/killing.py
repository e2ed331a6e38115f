"""Runs a job in a process that is killed with SIGKILL again and again, until it finishes.

Processes are forked from a server that has imported everything once, so that a restart costs a moment, not seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

LONGEST = 120  # seconds that one attempt may take

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.killing_preload"])


def attempt(directory: Path, *, kill_after: float | None = None, kill_at_call: int | None = None) -> int:
    """One attempt at the job in `directory`, killed `kill_after` seconds from when it trains, or in the moment before
    its `kill_at_call`-th durable act (fsync, rename, unlink). Returns the exit code, -9 if it was killed in time.
    """
    process = context.Process(target=_job, args=(str(directory), kill_at_call))
    process.start()
    if kill_after is not None:
        mark = directory / "training"
        end = time.monotonic() + LONGEST
        while not mark.exists() and process.is_alive() and time.monotonic() < end:
            time.sleep(0.002)
        process.join(kill_after)
        if process.is_alive():
            process.kill()
    process.join(LONGEST)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"the job in {directory} hangs")
    (directory / "training").unlink(missing_ok=True)
    assert process.exitcode is not None
    return process.exitcode


def kill_until_finished(directory: Path, seed: int, kills: int, longest_life: float) -> int:
    """Kills the job `kills` times at random moments, every second time inside a durable act, then lets it finish.

    Returns how many attempts were really killed before they could finish.
    """
    dice = random.Random(seed)
    killed = 0
    for i in range(kills):
        if i % 2:
            code = attempt(directory, kill_at_call=dice.randint(1, 16))
        else:
            code = attempt(directory, kill_after=dice.uniform(0.0, longest_life))
        killed += code == -signal.SIGKILL
        if code == 0:
            break
        assert code == -signal.SIGKILL, f"the job ended by itself with exit code {code}"
    assert attempt(directory) == 0
    return killed


def _job(directory: str, kill_at_call: int | None) -> None:
    from lab.job import run_job
    from lab.store import RunDirectory

    if kill_at_call is not None:
        _die_at(kill_at_call)

    def mark(_: Any = None) -> str:
        if not os.path.exists(flag):
            open(flag, "w").close()
        return ""

    flag = os.path.join(directory, "training")
    run_job(RunDirectory(Path(directory)), stop=mark)


def _die_at(count: int) -> None:
    """Makes the process kill itself just before its `count`-th durable act."""
    left = [count]

    def deadly(act: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **named)

        return counted

    for name in ("fsync", "rename", "replace", "unlink", "rmdir", "truncate", "ftruncate"):
        setattr(os, name, deadly(getattr(os, name)))
