"""What experience replay and the frozen target network buy a DQN that learns from pixels (lab/Bricks-v0)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.dqn_config import SMALL_BRICKS, replay_and_target_arms
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._bricks import Problem, interaction
from lab.experiment import Compared
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_ablation_bricks, which all arms share."""


def variants(config: Config) -> dict[str, Config]:
    """The four arms of Mnih et al. 2015, extended data table 3.

    All make the same number of updates. Without replay each is of the newest transitions, those of the last round
    of the environments (8) in place of batch_size (64): what there is.
    """
    return {name: replace(config, agent=agent) for name, agent in replay_and_target_arms(config.agent).items()}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    return interaction(config, seeds)


TARGET = None  # a comparison; Mnih et al. 2015, extended data table 3, made it on five Atari games
COMPARED = Compared(
    metrics=("eval/return",),
    steps=120_000,
    protocol="mean return of 30 episodes of at most 500 steps, no exploration, last weights",
)

SMOKE = Config(
    agent=SMALL_BRICKS,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
