"""What the Huber loss, clipped rewards and PopArt buy a DQN whose rewards are of unequal size (LunarLander-v3).

A step is worth a few points, a landing 100, a crash -100. Clipped to +- 1 a landing is worth no more than a good step;
PopArt (van Hasselt et al. 2016) normalises the targets instead, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agents.interaction import Interaction
from experiments.agents._gymnasium import interaction, small
from experiments.agents._lunarlander import NAME, Problem
from lab.experiment import Compared
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_ablation_rewards, which all arms share: those of dqn_lunarlander."""


def variants(config: Config) -> dict[str, Config]:
    """With the Huber loss alone, as dqn_lunarlander, or half the squared error, clipped rewards or PopArt."""
    arms: dict[str, dict[str, Any]] = {
        "huber": {"huber": True},
        "squared": {"huber": False},
        "clipped": {"huber": True, "reward_clip": 1.0},
        "popart": {"huber": True, "popart": True},
    }
    return {name: replace(config, agent=replace(config.agent, **changes)) for name, changes in arms.items()}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x LunarLander-v3."""
    return interaction(config, NAME, seeds)


TARGET = None  # a comparison; dqn_lunarlander holds its first arm to a number
COMPARED = Compared(
    metrics=("eval/return",),
    steps=100_000,
    protocol="mean return of 20 episodes, no exploration, last weights",
)

SMOKE = Config(**small())
