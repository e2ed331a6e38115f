"""Sharing: how many runs are to share this machine, so that what one asks of it can be held against its part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_runs: ContextVar[int] = ContextVar("runs", default=1)


def runs_at_a_time() -> int:
    """The number of runs like the one that is being built, itself included, that will be in memory together."""
    return _runs.get()


@contextmanager
def sharing(runs: int) -> Iterator[None]:
    """Inside, what is built is one of so many alike."""
    token = _runs.set(runs)
    try:
        yield
    finally:
        _runs.reset(token)
