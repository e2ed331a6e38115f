"""Jobs as processes of this machine, the cores divided among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.config import ConfigError
from lab.engines import child, forks
from lab.engines.engine import Job
from lab.provenance import cores
from lab.store import RunDirectory


class Local:
    """Up to `jobs` processes at a time."""

    name = "local"
    look_every = 0.1
    here = True

    def __init__(self, jobs: int):
        self.at_a_time = jobs
        self.threads = max(1, cores() // jobs)

    def start(self, directories: Sequence[RunDirectory]) -> list[Job]:
        """A process each."""
        return [LocalJob(forks.start(each, self.threads, {"name": self.name}), each) for each in directories]


class LocalJob:
    """A job that is a child of this process."""

    def __init__(self, process: child.Process, directory: RunDirectory):
        self.process, self.directory = process, directory
        self.signals: list[int] = []

    def ended(self) -> tuple[str, str | None] | None:
        """As `Job`."""
        code = self.process.poll()
        return None if code is None else child.how_it_ended(code, self.directory, self.signals)

    def signal(self, number: int) -> None:
        """As `Job`."""
        self.signals.append(number)
        self.process.send_signal(number)


def engine(jobs: int | None, settings: Mapping[str, Any]) -> Local:
    """One run at a time unless `jobs` says otherwise. Raises ConfigError for any setting."""
    if settings:
        raise ConfigError(
            f"{', '.join(settings)}: runs on this machine take no settings. Name the engine that does: --on slurm, "
            "--on ray."
        )
    return Local(jobs or 1)
