"""What an engine is: it starts jobs somewhere and tells how each ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lab.config import ConfigError
from lab.names import did_you_mean
from lab.store import RunDirectory, RunError


class EngineError(RunError):
    """An engine cannot be used now: its package is not installed, or what it talks to is away."""


class Job(Protocol):
    """One run directory that is being worked in somewhere."""

    def ended(self) -> tuple[str, str | None] | None:
        """None while it goes on; then the run's state (finished, interrupted, failed, waiting) and what went wrong."""

    def signal(self, number: int) -> None:
        """Passes on what the launcher was sent: to save and stop, or SIGKILL to stop at once."""


class Engine(Protocol):
    """Where jobs are computed. Which it is never changes a run's address, only where its bits come from."""

    name: str
    at_a_time: int  # jobs that are started before others have ended
    look_every: float  # seconds between two looks at them
    here: bool  # on this machine, so that its devices and memory can be asked before anything starts

    def start(self, directories: Sequence[RunDirectory]) -> list[Job]:
        """Starts a job in each. Raises EngineError where that cannot be done."""


UNLIMITED = 10**9  # jobs at a time: what is between a launch and its jobs is a queue


def refuse_unknown(engine: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises ConfigError for a setting that an engine does not have, with the nearest that it has."""
    for name in settings:
        if name not in known:
            raise ConfigError(f"{engine} has no setting {name!r}. {did_you_mean(name, known)}")
