"""What experience replay and the frozen target network buy a DQN: with and without each (CartPole-v1).

All arms make the same number of updates at the same times with the same learning rate. Transitions per update are not
the same: with replay each update sees batch_size (128) drawn ones; without, each of a block sees the same train_every
(8) newest ones, which is all there is to see. So taking replay away also takes 15 of 16 transitions of each update.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.dqn_config import SMALL, DQNConfig, replay_and_target_arms
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._gymnasium import Problem, interaction
from lab.experiment import Compared
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_ablation_cartpole, which all arms share."""

    agent: DQNConfig = DQNConfig(huber=False)  # as in dqn_cartpole
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=50_000, log_every=500, evaluate_every=5_000, save_every=10_000, device="cpu", threads=1
    )


def variants(config: Config) -> dict[str, Config]:
    """The four arms; every other setting, and the number of updates, is the same in all (the size of one is not)."""
    return {name: replace(config, agent=agent) for name, agent in replay_and_target_arms(config.agent).items()}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x CartPole-v1."""
    return interaction(config, "CartPole-v1", seeds)


TARGET = None  # a comparison; Mnih et al. 2015, extended data table 3, made it on five Atari games
COMPARED = Compared(
    metrics=("eval/return",),
    steps=50_000,
    protocol="mean return of 20 episodes, no exploration, last weights",
)

SMOKE = Config(
    agent=SMALL,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=1_200, log_every=100, evaluate_every=300, save_every=60, device="cpu", threads=1),
)
