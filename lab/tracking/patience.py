"""Waiting for a server no longer than is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(timeout: float, action: Callable[[], T]) -> T:
    """What the action returns or raises. Raises TimeoutError after `timeout` seconds; the action is then left behind.

    In a thread, since wandb asks a server some things without a limit of time, and looking up a name knows none.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            results.append(action())
        except BaseException as error:  # wandb raises SystemExit, too
            failures.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"the server took more than {timeout:.0f} s")
    return results[0]
