"""DQN balances a pole on a cart (CartPole-v1)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import DQNConfig
from agents.interaction import Interaction
from experiments.agents._gymnasium import Problem, interaction, small
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_cartpole."""

    # Without Huber: falls are few and their errors large, and their weight is what teaches balance. With it, and all
    # else the same, three seeds ended at 178, 500 and 17.
    agent: DQNConfig = DQNConfig(huber=False)
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=50_000, log_every=500, evaluate_every=5_000, save_every=10_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x CartPole-v1."""
    return interaction(config, "CartPole-v1", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=475.0,
    steps=50_000,
    statistic="iqm",
    each_seed_at_least=400.0,
    seeds=5,
    protocol="mean return of 20 episodes without exploration, last weights, 50,000 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, DQN on CartPole-v1: 500.0 +- 0.0 from one run of 50,000 steps",
    published=500.0,
)

SMOKE = Config(**small())
