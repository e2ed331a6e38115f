"""Stable-Baselines3's PPO swings a pendulum up by continuous torques (Pendulum-v1)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.environments import Environments
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3PPOConfig
from agents.stable_baselines import SB3Trial
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds

STEPS = 102_400  # environment steps: of four environments' rollouts of 1,024 the first that reach Zoo's 100,000


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of sb3_ppo_pendulum. The agent's are RL Baselines3 Zoo's: hyperparams/ppo.yml, Pendulum-v1."""

    agent: SB3PPOConfig = SB3PPOConfig(
        horizon=100_000, learning_rate=1e-3, n_steps=1024, gamma=0.9, use_sde=True, sde_sample_freq=4
    )
    num_environments: int = 4  # stepped together
    # Of chance beginnings, from which single returns vary by 100.
    evaluation: EvaluationConfig = EvaluationConfig(episodes=100)
    run: RunConfig = RunConfig(
        steps=STEPS, log_every=4_096, evaluate_every=20_480, save_every=20_480, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> SB3Trial:
    """The trial: SB3's PPO x Pendulum-v1."""
    environments = Environments("Pendulum-v1", config.num_environments, seeds.child("environments"))
    return SB3Trial(config.agent, environments, seeds, config.evaluation, device=config.run.torch_device())


TARGET = Target(
    metric="eval/return",
    at_least=-180.0,
    steps=STEPS,
    statistic="iqm",
    seeds=5,
    protocol="mean return of 100 episodes of likeliest actions, last weights, 102,400 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, PPO on Pendulum-v1: -172.225 +- 104.159 over 750 episodes of likeliest "
    "actions, from one run of 100,000 steps",
    published=-172.225,
)

SMOKE = Config(
    agent=SB3PPOConfig(net_arch=(16,), horizon=1_000, n_steps=50, batch_size=50, n_epochs=2, use_sde=True),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=1_000, log_every=100, evaluate_every=500, save_every=100, device="cpu", threads=1),
)
