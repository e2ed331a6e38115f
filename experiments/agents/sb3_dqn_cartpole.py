"""Stable-Baselines3's DQN balances a pole on a cart (CartPole-v1)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.environments import Environments
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3DQNConfig
from agents.stable_baselines import SB3Trial
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of sb3_dqn_cartpole. The agent's are RL Baselines3 Zoo's: hyperparams/dqn.yml, CartPole-v1."""

    agent: SB3DQNConfig = SB3DQNConfig(
        net_arch=(256, 256),
        horizon=50_000,
        learning_rate=2.3e-3,
        batch_size=64,
        buffer_size=100_000,
        learning_starts=1_000,
        gamma=0.99,
        target_update_interval=10,
        train_freq=256,
        gradient_steps=128,
        exploration_fraction=0.16,
        exploration_final_eps=0.04,
    )
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig = RunConfig(
        steps=50_000, log_every=500, evaluate_every=5_000, save_every=10_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> SB3Trial:
    """The trial: SB3's DQN x CartPole-v1."""
    environments = Environments("CartPole-v1", config.num_environments, seeds.child("environments"))
    return SB3Trial(config.agent, environments, seeds, config.evaluation, device=config.run.torch_device())


TARGET = Target(
    metric="eval/return",
    at_least=475.0,
    steps=50_000,
    statistic="iqm",
    seeds=5,
    protocol="mean return of 20 episodes without exploration, last weights, 50,000 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, DQN on CartPole-v1: 500.000 +- 0.000 over 300 episodes without "
    "exploration, from one run of 50,000 steps",
    published=500.0,
)

SMOKE = Config(
    agent=SB3DQNConfig(
        net_arch=(16,),
        horizon=800,
        batch_size=8,
        buffer_size=300,
        learning_starts=50,
        target_update_interval=40,
        train_freq=8,
        gradient_steps=2,
        exploration_fraction=0.5,
    ),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
