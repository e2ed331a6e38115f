"""DQN learns from pixels to keep a ball in play and to break bricks with it (a small game of the lab's own)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import BRICKS_DQN, SMALL_BRICKS, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of dqn_bricks."""

    agent: DQNConfig = BRICKS_DQN
    num_environments: int = 8  # stepped together
    stack: int = 4  # screens in an observation: one does not show where the ball is going
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30)
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=120_000, log_every=2_000, evaluate_every=10_000, save_every=30_000, device="cpu", threads=1
    )


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    settings = {"stack": config.stack}
    return dqn_in(
        Environments("lab/Bricks-v0", config.num_environments, seeds.child("environments"), settings=settings),
        config.agent,
        seeds,
        evaluation=config.evaluation,
        device=config.run.torch_device(),
    )


TARGET = Target(
    metric="eval/return",
    at_least=30.0,
    steps=120_000,
    statistic="mean",
    seeds=3,
    protocol="mean return of 30 episodes of at most 500 steps, no exploration, last weights, 120,000 steps; 3 seeds",
    source="the lab's own: random play scores 0.25, a scripted player that never misses 41.5 (see its tests)",
)

SMOKE = Config(
    agent=SMALL_BRICKS,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
