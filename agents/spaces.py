"""Spaces: what an observation's shape and type are to Gymnasium."""

from __future__ import annotations

import gymnasium as gym
import numpy as np


def box(shape: tuple[int, ...], dtype: np.dtype | type) -> gym.spaces.Box:
    """The space of one observation; whole numbers may take every value of their type."""
    dtype = np.dtype(dtype)
    low, high = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return gym.spaces.Box(low, high, shape, dtype.type)
