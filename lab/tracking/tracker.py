"""The tracker: what the loop tells whoever records a run, with three that write no file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """Records one run. Steps are in the trial's unit and only grow, except through `rewind`."""

    def log(self, step: int, row: Mapping[str, float]) -> None:
        """Records named scalars at a step. A step stands once: whoever logs merges its numbers first."""
        ...

    def media(self, step: int, name: str, path: Path) -> None:
        """Records that the picture or clip `name` of this step lies at `path`, a file in media/."""
        ...

    def commit(self, step: int) -> None:
        """Takes note that a checkpoint now covers every row up to and including `step`."""
        ...

    def rewind(self, step: int) -> None:
        """Forgets every row after `step`, from where the run goes on; -1 forgets them all."""
        ...

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        """Closes the record; state is "finished", "interrupted" or "failed".

        `state_sha256`, of a finished run, is the digest of the trial's whole final state, which its newest checkpoint
        holds.
        """
        ...


class NullTracker:
    """Records nothing."""

    def log(self, step: int, row: Mapping[str, float]) -> None: ...

    def media(self, step: int, name: str, path: Path) -> None: ...

    def commit(self, step: int) -> None: ...

    def rewind(self, step: int) -> None: ...

    def finish(self, state: str, state_sha256: str | None = None) -> None: ...


class MemoryTracker:
    """Keeps everything in memory, for tests and notebooks."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []  # each with its "step", as in metrics.jsonl
        self.pictures: list[tuple[int, str, Path]] = []  # (step, name, path) of pictures and clips
        self.committed: int = -1  # the last step that a checkpoint covers
        self.state: str | None = None

    def log(self, step: int, row: Mapping[str, float]) -> None:
        if self.rows and step <= self.rows[-1]["step"]:
            raise ValueError(repeated_step(step, int(self.rows[-1]["step"]), "the tracker"))
        self.rows.append({"step": step, **row})

    def media(self, step: int, name: str, path: Path) -> None:
        self.pictures.append((step, name, path))

    def commit(self, step: int) -> None:
        self.committed = step

    def rewind(self, step: int) -> None:
        self.rows = [row for row in self.rows if row["step"] <= step]
        self.pictures = [picture for picture in self.pictures if picture[0] <= step]
        self.committed = min(self.committed, step)

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        self.state = state


class Trackers:
    """Tells several trackers the same, in the order given: the one that holds the truth comes first."""

    def __init__(self, *trackers: Tracker) -> None:
        self.trackers = trackers

    def log(self, step: int, row: Mapping[str, float]) -> None:
        for tracker in self.trackers:
            tracker.log(step, row)

    def media(self, step: int, name: str, path: Path) -> None:
        for tracker in self.trackers:
            tracker.media(step, name, path)

    def commit(self, step: int) -> None:
        for tracker in self.trackers:
            tracker.commit(step)

    def rewind(self, step: int) -> None:
        for tracker in self.trackers:
            tracker.rewind(step)

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        """Finishes all of them, also when one fails; the first failure is raised at the end."""
        failures: list[Exception] = []
        for tracker in self.trackers:
            try:
                tracker.finish(state, state_sha256)
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise failures[0]


def repeated_step(step: int, last: int, holder: str) -> str:
    """Says what is wrong with logging a step that does not come after the last one."""
    return (
        f"A row for step {step} was logged, but {holder} already holds step {last}. Steps only grow and none "
        f"may stand twice, or curves and resumes would be ambiguous. Merge the numbers of one step into one "
        f"row, or call rewind({step - 1}) first if the run goes back."
    )
