"""Rainbow, which is DQN with six switches on, plays Pong with sticky actions."""

from __future__ import annotations

from dataclasses import dataclass

from agents.atari_protocol import DOPAMINE, AtariProtocol
from agents.dqn_config import RAINBOW, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction, small
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of rainbow_pong."""

    agent: DQNConfig = RAINBOW
    protocol: AtariProtocol = DOPAMINE
    num_environments: int = 8  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig(episodes=10, epsilon=0.001)
    run: RunConfig = RunConfig(steps=2_500_000, log_every=5_000, evaluate_every=250_000, save_every=100_000)


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: Rainbow x Pong, which goes on while the agent learns."""
    return interaction(config, "pong", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=10.0,
    steps=2_500_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 10 episodes with sticky actions (0.25), epsilon 0.001, last weights, 2.5 million agent "
    "steps (10 million frames); 3 seeds",
    source="Dopamine, baselines/atari/data, their compact Rainbow on Pong: 14.7 in training, by "
    "convolutions that pad and a Rainbow without duelling, double and noisy parts",
    published=14.7,
    needs="a GPU, or several hours a seed on two cores",
)

SMOKE = Config(**small(RAINBOW, DOPAMINE, epsilon=0.001))
