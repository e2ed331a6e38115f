"""Uploading what ran without a server: whatever is cut short, and however often it is done, each step stands once.

A run's offline segments go first, by W&B's own `wandb sync`, which notes what it has uploaded. Then the run is opened
on the server, which says its last step, and gets what its directory holds beyond that: rows of a run without W&B, rows
that no segment has, pictures and clips.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.store import RunDirectory
from lab.tracking.mirror import WandbTracker, waiting_segments
from lab.writing import written_aside

NOTE = "synced.json"  # in the run's wandb folder: what was uploaded last
SYNC_TIMEOUT = 600.0  # seconds for one segment


@dataclass(frozen=True)
class Uploaded:
    """What became of a run."""

    directory: RunDirectory
    did: str  # "uploaded", "nothing" where the server has all of it, or "failed"
    why: str = ""


def upload(directory: RunDirectory, *, sync_timeout: float = SYNC_TIMEOUT, **timeouts: float) -> Uploaded:
    """Brings to the server what it lacks of one run. Obstacles in general are `obstacle_to_uploading`'s to tell.

    Of a run that may go on, what no checkpoint covers is left out: it will be made again. Raises RunError for a
    directory that another process works in.
    """
    with directory.lock():
        record, status = directory.record(), directory.status()
        finished = status["state"] in ("finished", "diverged")
        until = status["step"] if finished else status.get("saved", -1)
        now = {"state": status["state"], "step": until}
        waiting = waiting_segments(directory.path, record)
        if _noted(directory) == now and not waiting:
            return Uploaded(directory, "nothing")
        for folder in waiting:
            command = [sys.executable, "-m", "wandb", "sync", str(folder)]
            try:
                told = subprocess.run(command, capture_output=True, text=True, timeout=sync_timeout)
            except subprocess.TimeoutExpired:
                return Uploaded(directory, "failed", f"the upload of {folder} took more than {sync_timeout:.0f} s")
            if folder in waiting_segments(directory.path, record):
                return Uploaded(
                    directory, "failed", f"{folder} was not uploaded: {_last_line(told.stdout + told.stderr)}"
                )
        return _catch_up(directory, record, now, timeouts)


def _catch_up(
    directory: RunDirectory, record: Mapping[str, Any], now: dict[str, Any], timeouts: Mapping[str, float]
) -> Uploaded:
    tracker = WandbTracker(directory.path, mode="online", record=record, or_offline=False, **timeouts)
    if tracker.mode == "online":
        tracker.rewind(now["step"])
        if tracker.mode == "online":
            tracker.finish(now["state"])
    if tracker.mode != "online":  # it has said why
        return Uploaded(directory, "failed", "the server did not take all of it")
    with written_aside(directory.path / "wandb" / NOTE) as file:
        file.write((json.dumps(now) + "\n").encode())
    return Uploaded(directory, "uploaded")


def _noted(directory: RunDirectory) -> Any:
    try:
        return json.loads((directory.path / "wandb" / NOTE).read_text())
    except (OSError, ValueError):
        return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
