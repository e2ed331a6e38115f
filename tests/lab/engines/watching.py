"""Something that is done to a run while it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.launching import Launched
from lab.run import Progress
from lab.store import RunDirectory


def once_it_trains(*acts: Callable[[RunDirectory], Any]) -> Callable[[RunDirectory, Progress | Launched], None]:
    """A watch that does one act after another, each once the run has logged two rows more than at the last."""
    left, last = list(acts), [0]

    def watch(directory: RunDirectory, news: Progress | Launched) -> None:
        if (
            isinstance(news, Progress)
            and left
            and directory.locked()
            and (rows := len(directory.rows())) >= last[0] + 2
        ):
            last[0] = rows
            left.pop(0)(directory)

    return watch
