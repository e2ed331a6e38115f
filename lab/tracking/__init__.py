"""What a run records while it runs: the run directory's `metrics.jsonl`, and W&B as a mirror of it.

The local file is the truth. Rows reach the mirror only once a checkpoint covers them, and a resumed run
finds out what the mirror already holds, so after any number of kills, resumes and syncs each step stands
once in both.
"""

from __future__ import annotations

from lab.tracking.local import LocalTracker, read_rows
from lab.tracking.mirror import Mode, WandbTracker, trackers, wandb_outlook
from lab.tracking.tracker import MemoryTracker, NullTracker, Tracker, Trackers

__all__ = [
    "LocalTracker",
    "MemoryTracker",
    "Mode",
    "NullTracker",
    "Tracker",
    "Trackers",
    "WandbTracker",
    "read_rows",
    "trackers",
    "wandb_outlook",
]
