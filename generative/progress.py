"""Showing how far long work is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Progress = Callable[[Iterable[int]], Iterable[int]]
"""It is handed what is gone through and gives it back, as tqdm does."""
