"""Observations gathered by a player that is given, for what learns from them without any reward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.world import World
from lab.seeding import Seeds


def gathered(
    environments: World, num: int, player: Callable[[np.ndarray], np.ndarray], seeds: Seeds, *, random: float = 0.0
) -> np.ndarray:
    """The first `num` observations [num, ...] that a player meets, step by step of all N environments.

    The player gives observations [N, ...] their actions [N]; a share `random` of them is by chance instead. What is
    gathered is a function of the environments' seeds and of `seeds`.
    """
    chance, met = seeds.numpy("actions"), []
    for _ in range(-(-num // environments.num)):
        by_chance = chance.random(environments.num) < random
        drawn = chance.integers(environments.num_actions, size=environments.num)
        met.append(environments.step(np.where(by_chance, drawn, player(environments.observations))).observation)
    return np.concatenate(met)[:num]
