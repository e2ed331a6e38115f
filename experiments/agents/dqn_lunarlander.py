"""DQN lands a craft on the moon (LunarLander-v3)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.interaction import Interaction
from experiments.agents._gymnasium import interaction, small
from experiments.agents._lunarlander import NAME, Problem
from lab.experiment import Target
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_lunarlander."""


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x LunarLander-v3."""
    return interaction(config, NAME, seeds)


TARGET = Target(
    metric="eval/return",
    at_least=150.0,
    steps=100_000,
    statistic="iqm",
    seeds=5,
    protocol="mean return of 20 episodes without exploration, last weights, 100,000 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, DQN: 154.4 +- 79.2 from one run of 100,000 steps, of LunarLander-v2",
    published=154.4,
)

SMOKE = Config(**small())
