"""DQN swings a two-link arm up over a line (Acrobot-v1)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import DQNConfig
from agents.interaction import Interaction
from experiments.agents._gymnasium import Problem, interaction, small
from lab.experiment import Target
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_acrobot."""

    agent: DQNConfig = DQNConfig(
        huber=False,  # as in dqn_cartpole
        learning_rate_decay=linear(1.0, 0.0, 100_000),
        exploration=linear(1.0, 0.04, 12_000),
        replay_capacity=100_000,
    )
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=100_000, log_every=1_000, evaluate_every=10_000, save_every=20_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Acrobot-v1."""
    return interaction(config, "Acrobot-v1", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=-90.0,
    steps=100_000,
    statistic="iqm",
    seeds=5,
    protocol="mean return of 20 episodes without exploration, last weights, 100,000 environment steps; 5 seeds",
    source="RL Baselines3 Zoo, benchmark.md, DQN on Acrobot-v1: -76.6 +- 11.8 from one run; the bound is the lab's own",
    published=-76.6,
)

SMOKE = Config(**small())
