"""DQN plays Breakout from pixels, without sticky actions; a lost life counts as an end for the learner."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.atari import AtariEnvironments
from agents.atari_protocol import NATURE, AtariProtocol
from agents.dqn_config import ADAM_DQN, SMALL_PIXELS, DQNConfig
from agents.dqn_trial import dqn_in
from agents.interaction import EvaluationConfig, Interaction
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of dqn_breakout."""

    agent: DQNConfig = ADAM_DQN
    protocol: AtariProtocol = NATURE
    num_environments: int = 32  # stepped together: a GPU acts in all of them in the time of one
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30, epsilon=0.05)
    run: RunConfig = RunConfig(steps=10_000_000, log_every=10_000, evaluate_every=500_000, save_every=250_000)


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Breakout, which goes on while the agent learns."""
    return dqn_in(
        AtariEnvironments("breakout", config.num_environments, seeds.child("environments"), config.protocol),
        config.agent,
        seeds,
        evaluation=config.evaluation,
        device=config.run.torch_device(),
        overlap=True,
    )


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

SMOKE = Config(
    agent=SMALL_PIXELS,
    protocol=replace(NATURE, image_height=42, image_width=42, max_frames=400),
    num_environments=2,
    evaluation=EvaluationConfig(episodes=1, epsilon=0.05),
    run=RunConfig(steps=400, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
