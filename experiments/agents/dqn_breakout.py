"""DQN plays Breakout from pixels, without sticky actions; a lost life counts as an end for the learner."""

from __future__ import annotations

from dataclasses import dataclass

from agents.atari_protocol import NATURE, AtariProtocol
from agents.dqn_config import ADAM_DQN, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction, small
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_breakout."""

    agent: DQNConfig = ADAM_DQN
    protocol: AtariProtocol = NATURE
    num_environments: int = 32  # stepped together: a GPU acts in all of them in the time of one
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30, epsilon=0.05)
    run: RunConfig = RunConfig(steps=10_000_000, log_every=10_000, evaluate_every=500_000, save_every=250_000)


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Breakout, which goes on while the agent learns."""
    return interaction(config, "breakout", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=300.0,
    steps=10_000_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 30 episodes, 30 no-ops, no sticky actions, epsilon 0.05, last weights, 10 million agent "
    "steps (40 million frames); 3 seeds",
    source="CleanRL, docs/rl-algorithms/dqn.md, Breakout: 366.9 +- 39.9 in training, one environment, with FIRE",
    published=366.9,
    needs="a GPU, or 15 to 25 hours a seed on two cores",
)

SMOKE = Config(**small(ADAM_DQN, NATURE, epsilon=0.05))
