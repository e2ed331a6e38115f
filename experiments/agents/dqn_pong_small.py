"""DQN plays Atari's Pong from 42 x 42 pixels on one core of a processor, a million steps in an hour and a quarter.

A quarter of the pixels of dqn_pong, and 168,279 weights instead of 3.3 million. Convolutions begin as He et al. 2015
have it: as torch begins them they pass little of the ball on, and after 200,000 steps the same settings scored -18.3
instead of -6.6 (one seed). Half the steps, with a rate that falls as fast, are too few: -6.2, 17.3 and 16.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.atari_protocol import NATURE, AtariProtocol
from agents.dqn_config import ADAM_DQN, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction, small
from lab.backbones import ConvolutionConfig
from lab.experiment import Target
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds

STEPS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_pong_small."""

    agent: DQNConfig = replace(
        ADAM_DQN,
        backbone=ConvolutionConfig(
            channels=(16, 32, 32), kernel_size=(4, 4, 3), stride=(3, 2, 1), padding=0, initialisation="he"
        ),
        hidden=(256,),
        double=True,
        duelling=True,
        prioritised=True,  # corrected wholly from step 50,000 on, which suits shorter runs, but is what was measured
        n_step=5,
        learning_rate=5e-4,
        learning_rate_decay=linear(1.0, 0.05, STEPS),
        exploration=linear(1.0, 0.02, 200_000),
        learn_after=10_000,
        train_every=2,
        replay_capacity=200_000,
    )
    protocol: AtariProtocol = replace(NATURE, image_height=42, image_width=42)
    num_environments: int = 8  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30, epsilon=0.05)
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=STEPS, log_every=5_000, evaluate_every=250_000, save_every=100_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Pong, which goes on while the agent learns."""
    return interaction(config, "pong", seeds)


TARGET = Target(
    metric="eval/return",
    at_least=18.0,
    steps=STEPS,
    statistic="mean",
    seeds=3,
    protocol="mean return of 30 episodes, 30 no-ops, no sticky actions, epsilon 0.05, 42 x 42 pixels, last weights, "
    "a million agent steps (4 million frames); 3 seeds",
    source="CleanRL, docs/rl-algorithms/dqn.md, dqn_atari.py on Pong: 20.25 +- 0.41 after 10 million agent steps, of "
    "84 x 84 pixels",
    published=20.25,
    needs="over an hour of a core a seed",
)

# With several blocks of updates a step, as in the whole.
SMALLEST = small(Config().agent, NATURE, epsilon=0.05)
SMOKE = Config(**SMALLEST | {"agent": replace(SMALLEST["agent"], train_every=1)})
