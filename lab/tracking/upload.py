"""Uploading what ran without a server: whatever is cut short, and however often it is done, each step stands once.

A run's offline segments go first, by W&B's own `wandb sync`, which notes what it has uploaded. Then the run is opened
on the server, which says its last step, and gets what its directory holds beyond that: rows of a run without W&B, rows
that no segment has, pictures and clips. At last the weights of a finished run go up as an artifact, and where asked for
the newest checkpoint.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.store import RunDirectory, RunError, diverged
from lab.tracking.account import weights_are_wanted
from lab.tracking.mirror import WandbTracker, project, waiting_segments
from lab.writing import written_aside

NOTE = "synced.json"  # in the run's wandb folder: what was uploaded last
SYNC_TIMEOUT = 600.0  # seconds for one segment


@dataclass(frozen=True)
class Uploaded:
    """What became of a run."""

    directory: RunDirectory
    did: str  # "uploaded", "nothing" where the server has all of it, or "failed"
    why: str = ""


def upload(
    directory: RunDirectory, *, checkpoint: bool = False, sync_timeout: float = SYNC_TIMEOUT, **timeouts: float
) -> Uploaded:
    """Brings to the server what it lacks of one run. Obstacles in general are `obstacle_to_uploading`'s to tell.

    Of a run that may go on, what no checkpoint covers is left out: it will be made again. Raises RunError for a
    directory that another process works in, that cannot be read, or whose disk is full.
    """
    try:
        with directory.lock():
            return _upload(directory, checkpoint, sync_timeout, timeouts)
    except OSError as error:
        raise RunError(
            f"What W&B needs beside it could not be written to {directory.path}: {error.strerror or error}. Nothing is "
            "lost. Make room there and run the same command again."
        ) from error


def _upload(directory: RunDirectory, checkpoint: bool, sync_timeout: float, timeouts: Mapping[str, float]) -> Uploaded:
    record, status = directory.record(), directory.status()
    if status["state"] == "running":  # nobody works in it, since this process holds it
        status["state"] = "interrupted"
    over = status["state"] == "finished" or diverged(status)
    until = status["step"] if over else status.get("saved", -1)
    weights = status["state"] == "finished" and weights_are_wanted()
    wanted = {"state": status["state"], "step": until, "weights": weights, "checkpoint": checkpoint}
    waiting, noted = waiting_segments(directory.path, record), _noted(directory)
    wanted["home"] = home = _home()
    if noted.get("home", home) != home:
        return Uploaded(directory, "failed", f"it went to {noted['home']} before, and not to {home}: {_ONE_HOME}")
    if not waiting and (until < 0 or _holds(noted, wanted)):
        return Uploaded(directory, "nothing")
    directory.rows()  # a damaged file is refused before anything goes up
    for folder in waiting:
        command = [sys.executable, "-m", "wandb", "sync", str(folder)]
        try:
            told = subprocess.run(command, capture_output=True, text=True, timeout=sync_timeout)
        except subprocess.TimeoutExpired:
            return Uploaded(directory, "failed", f"the upload of {folder} took more than {sync_timeout:.0f} s")
        if folder in waiting_segments(directory.path, record):
            return Uploaded(directory, "failed", f"{folder} was not uploaded: {_last_line(told.stdout + told.stderr)}")
    limits = {"artifact_timeout": sync_timeout, **timeouts}
    tracker = WandbTracker(
        directory.path, mode="online", record=record, or_offline=False, checkpoint=checkpoint, **limits
    )
    return _catch_up(tracker, directory, wanted, status.get("state_sha256"))


def _catch_up(
    tracker: WandbTracker, directory: RunDirectory, wanted: dict[str, Any], state_sha256: str | None
) -> Uploaded:
    if tracker.mode == "online":
        tracker.rewind(wanted["step"])
        if tracker.mode == "online":
            tracker.finish(wanted["state"], state_sha256)
    if tracker.mode != "online":
        return Uploaded(directory, "failed", f"W&B did not get all of it, because {tracker.obstacle}")
    if tracker.unsent:
        return Uploaded(directory, "failed", "; ".join(tracker.unsent))
    with written_aside(directory.path / "wandb" / NOTE) as file:
        file.write((json.dumps(wanted) + "\n").encode())
    return Uploaded(directory, "uploaded", "; ".join(tracker.left_out))


_ONE_HOME = (
    "a run has one home, whose server alone knows which steps it holds. Name that one (WANDB_BASE_URL, WANDB_ENTITY, "
    "WANDB_PROJECT), or sync a copy of the run's directory without its wandb folder"
)


def _home() -> str:
    """The server and the project that runs go to."""
    import wandb

    settings = wandb.setup(wandb.Settings(silent=True)).settings
    return "/".join(filter(None, (settings.base_url, os.environ.get("WANDB_ENTITY"), project())))


def _holds(noted: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether what was noted down as uploaded has all that is wanted; artifacts that are not wanted may be there."""
    if any(noted.get(key) != wanted[key] for key in ("state", "step")):
        return False
    return all(noted.get(key) or not wanted[key] for key in ("weights", "checkpoint"))


def _noted(directory: RunDirectory) -> dict[str, Any]:
    try:
        noted = json.loads((directory.path / "wandb" / NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
