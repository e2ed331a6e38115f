"""Stable-Baselines3's PPO balances a pole on a cart (CartPole-v1)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.environments import Environments
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3PPOConfig
from agents.stable_baselines import SB3Trial
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of sb3_ppo_cartpole. The agent's are RL Baselines3 Zoo's: hyperparams/ppo.yml, CartPole-v1."""

    agent: SB3PPOConfig = SB3PPOConfig(
        horizon=100_000,
        learning_rate=1e-3,
        clip_range=0.2,
        linear_decay=True,
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gamma=0.98,
        gae_lambda=0.8,
        ent_coef=0.0,
    )
    num_environments: int = 8  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig = RunConfig(
        steps=100_000, log_every=1_000, evaluate_every=10_000, save_every=20_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> SB3Trial:
    """The trial: SB3's PPO x CartPole-v1."""
    environments = Environments("CartPole-v1", config.num_environments, seeds.child("environments"))
    return SB3Trial(config.agent, environments, seeds, config.evaluation, device=config.run.torch_device())


TARGET = Target(
    metric="eval/return",
    at_least=475.0,
    steps=100_000,
    statistic="iqm",
    seeds=5,
    protocol="mean return of 20 episodes of likeliest actions, last weights, 100,000 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, PPO on CartPole-v1: 500.000 +- 0.000 over 300 episodes of likeliest "
    "actions, from one run of 100,000 steps",
    published=500.0,
)

SMOKE = Config(
    agent=SB3PPOConfig(net_arch=(16,), horizon=1_000, linear_decay=True, n_steps=8, batch_size=8, n_epochs=2),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=1_000, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
