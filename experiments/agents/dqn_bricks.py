"""DQN learns from pixels to keep a ball in play and to break bricks with it (a small game of the lab's own)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import SMALL_BRICKS
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._bricks import Problem, interaction
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_bricks."""


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    return interaction(config, seeds)


TARGET = Target(
    metric="eval/return",
    at_least=30.0,
    steps=120_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 30 episodes of at most 500 steps, no exploration, last weights, 120,000 steps; 3 seeds",
    source="the lab's own: random play scores 0.25, a scripted player that never misses 41.5 (see its tests)",
)

SMOKE = Config(
    agent=SMALL_BRICKS,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
