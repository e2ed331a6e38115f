"""DQN in any Gymnasium environment whose actions can be counted, by its id: --environment Acrobot-v1.

The defaults suit small problems of 50,000 steps; images are flattened. For pixels see dqn_bricks and dqn_atari.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import SMALL, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._gymnasium import ById, Problem, interaction
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem, ById):
    """Settings of dqn_gymnasium."""

    environment: str = "CartPole-v1"  # an id of Gymnasium's, or MODULE:ID, which imports the module that registers it
    agent: DQNConfig = DQNConfig()
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=50_000, log_every=500, evaluate_every=5_000, save_every=10_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x the environment."""
    return interaction(config, config.environment, seeds)


TARGET = None  # every environment has a number of its own; dqn_cartpole, dqn_acrobot and dqn_lunarlander have theirs

SMOKE = Config(
    environment="Acrobot-v1",
    agent=SMALL,
    num_environments=2,
    evaluation=EvaluationConfig(episodes=1),
    run=RunConfig(steps=800, log_every=100, evaluate_every=400, save_every=100, device="cpu", threads=1),
)
