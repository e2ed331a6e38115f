"""Points in the plane that no line parts, made on the spot."""

from __future__ import annotations

import math

import torch

from lab.data.dataset import Dataset


def spirals(count: int, seed: int, *, arms: int = 2, turns: float = 1.0, noise: float = 0.2) -> Dataset:
    """Points on spirals that wind around each other, a class an arm: inputs [count, 2] float32, labels [count] int64.

    Arm k of K starts at the origin in the direction k/K of a full turn and winds `turns` times counterclockwise while
    its radius grows from 0 to 1, at which points are spread evenly. `noise` is the standard deviation of each point's
    direction in radians; neighbouring arms are 2 pi / K apart. Classes take turns, so that they are of one size to
    within a point. The draws depend on the seed alone.
    """
    if count < arms or arms < 1 or not turns >= 0 or not noise >= 0:
        raise ValueError(
            f"spirals was asked for {count} points on {arms} arms of {turns} turns with noise {noise}. There must be "
            "an arm, a point on each, and turns and noise of 0 or more."
        )
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % arms
    radius = torch.rand(count, generator=draw)
    jitter = noise * torch.randn(count, generator=draw)
    angle = 2 * math.pi * (turns * radius + labels / arms) + jitter
    return Dataset(radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1), labels)
