"""DQN plays Pong from pixels, without sticky actions: double, duelling, with three-step returns and a rate that ends.

After a million steps plain DQN scored between -17 and 4 in training, double DQN with three-step returns 5 to 12, and
after 1.45 million 12 to 14; three seeds each. All three began as torch begins convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.atari_protocol import NATURE, AtariProtocol
from agents.dqn_config import ADAM_DQN, NATURE_CONVOLUTIONS, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction, small
from lab.experiment import Target
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_pong."""

    # Exploration ends sooner than for ten million steps, and learning begins sooner.
    agent: DQNConfig = replace(
        ADAM_DQN,
        backbone=replace(NATURE_CONVOLUTIONS, initialisation="he"),  # see dqn_pong_small
        double=True,
        duelling=True,
        n_step=3,
        learning_rate=2e-4,
        learning_rate_decay=linear(1.0, 0.05, 2_000_000),
        exploration=linear(1.0, 0.01, 250_000),
        learn_after=20_000,
    )
    protocol: AtariProtocol = NATURE
    num_environments: int = 32  # stepped together: a GPU acts in all of them in the time of one
    evaluation: EvaluationConfig = EvaluationConfig(episodes=10, epsilon=0.05)
    run: RunConfig = RunConfig(steps=2_000_000, log_every=10_000, evaluate_every=500_000, save_every=100_000)


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Pong, which goes on while the agent learns."""
    return interaction(config, "pong", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=18.0,
    steps=2_000_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 10 episodes, 30 no-ops, no sticky actions, epsilon 0.05, last weights, 2 million agent "
    "steps (8 million frames); 3 seeds",
    source="CleanRL, docs/rl-algorithms/dqn.md, dqn_atari.py on Pong: 20.25 +- 0.41 after 10 million agent steps",
    published=20.25,
    needs="a GPU, or 3 to 5 hours a seed on two cores",
)

SMOKE = Config(**small(Config().agent, NATURE, epsilon=0.05))
