"""A job that is asked for changes of its settings at steps that a test names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from lab import nursing
from lab.interventions import Request, ask
from lab.job import run_job
from lab.run import Outcome
from lab.store import RunDirectory

Asks = Mapping[int, Sequence[Mapping[str, Any]]]
"""By step: the changes that are asked for once it is done."""


def nurse(directory: RunDirectory, asks: Asks, until: int | None = None) -> tuple[Outcome, list[Request]]:
    """Runs the job, which looks for requests at every step, to the end or until a step is done.

    Returns how it ended and what was asked, in order.
    """
    asked: list[Request] = []
    seen = 0

    with looking_always(), stepping() as step:

        def stop() -> str:
            nonlocal seen
            for at in sorted(asks):
                if seen < at <= step():
                    asked.extend(ask(directory, settings, f"at {at}") for settings in asks[at])
            seen = step()
            return "enough" if until is not None and seen >= until else ""

        outcome = run_job(directory, stop=stop)
    return outcome, asked


@contextmanager
def looking_always():
    """Inside, a job looks for requests at every step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nursing, "LOOK_EVERY", 0.0)
        yield


@contextmanager
def stepping():
    """Inside, a function says how far the newest job is."""
    made: list[nursing.Nursing] = []
    begin: Callable[..., None] = nursing.Nursing.__init__

    def noted(self: nursing.Nursing, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nursing.Nursing, "__init__", noted)
        yield lambda: (made[-1].steps or 0) if made else 0
