"""Sharing: how many runs are to share a device, so that what one asks of it can be held against its part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_plan: ContextVar[tuple[int, torch.device | None]] = ContextVar("plan", default=(1, None))


def runs_at_a_time() -> int:
    """The number of runs like the one that is being built, itself included, that will be in memory together."""
    return _plan.get()[0]


def meant_for(device: torch.device) -> torch.device:
    """Where what is being built on this device is going to lie when it runs."""
    return _plan.get()[1] or device


@contextmanager
def sharing(runs: int, device: torch.device | None = None) -> Iterator[None]:
    """Inside, what is built is one of so many alike (0: none of it will be filled), meant to run on a device."""
    token = _plan.set((runs, device))
    try:
        yield
    finally:
        _plan.reset(token)
