"""Replays of small frames, and experience for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.agent import Transition
from agents.replay import Replay
from lab.seeding import Seeds

DISCOUNT = 0.9


def make(capacity: int, *, stack: int = 1, steps: int = 1, seed: int = 0, **settings: Any) -> Replay:
    shape = (2, 2) if stack == 1 else (stack, 2, 2)
    return Replay(capacity, shape, np.uint8, 5, Seeds(seed), stack=stack, steps=steps, discount=DISCOUNT, **settings)


def steps_of(numbers: list[tuple[float, float, bool]]) -> list[Transition]:
    """(reward, discount, last) of one environment, whose frame is the number of the step, 100 + it at an end."""
    found = []
    for frame, (reward, discount, last) in enumerate(numbers):
        after = 100 + frame if last else frame + 1
        images = [np.full((1, 2, 2), number, np.uint8) for number in (frame, after)]
        found.append(
            Transition(
                images[0],
                np.zeros(1, np.int64),
                np.array([reward], np.float32),
                np.array([discount], np.float32),
                images[1],
                np.array([last]),
            )
        )
    return found
