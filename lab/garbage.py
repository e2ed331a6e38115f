"""Garbage: memory that only circles hold on to, given back before another trial takes as much."""

from __future__ import annotations

import gc

import torch


def collect_garbage() -> None:
    """Frees what nobody can reach any more. Learners hold themselves in circles, and a replay may be of many GB."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()  # for other processes; torch itself would take it up again
