"""Stable-Baselines3's PPO in any Gymnasium environment, by its id: --environment HalfCheetah-v5.

Actions may be continuous or counted. MuJoCo's environments need `pip install "gymnasium[mujoco]"`.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.environments import Environments
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3PPOConfig
from agents.stable_baselines import SB3Trial
from experiments.agents._gymnasium import ById
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(ById):
    """Settings of sb3_ppo_gymnasium. The agent's are SB3's own defaults."""

    environment: str = "Pendulum-v1"  # an id of Gymnasium's, or MODULE:ID, which imports the module that registers it
    agent: SB3PPOConfig = SB3PPOConfig(horizon=1_000_000)
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig = RunConfig(
        steps=1_000_000, log_every=10_000, evaluate_every=50_000, save_every=100_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> SB3Trial:
    """The trial: SB3's PPO x the environment."""
    environments = Environments(config.environment, config.num_environments, seeds.child("environments"))
    return SB3Trial(config.agent, environments, seeds, config.evaluation, device=config.run.torch_device())


TARGET = None  # every environment has a number of its own; sb3_ppo_cartpole and sb3_ppo_pendulum have theirs

SMOKE = Config(
    environment="MountainCarContinuous-v0",
    agent=SB3PPOConfig(net_arch=(16,), horizon=1_000, n_steps=50, batch_size=50, n_epochs=2),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=1),
    run=RunConfig(steps=1_000, log_every=100, evaluate_every=500, save_every=100, device="cpu", threads=1),
)
