"""What experience replay and the frozen target network buy a DQN that learns from pixels (lab/Bricks-v0)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.dqn_config import BRICKS_DQN, SMALL_BRICKS, DQNConfig, replay_and_target_arms
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of dqn_ablation_bricks, which all arms share."""

    agent: DQNConfig = BRICKS_DQN
    num_environments: int = 8  # stepped together
    stack: int = 4  # screens in an observation: one does not show where the ball is going
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30)
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=120_000, log_every=2_000, evaluate_every=10_000, save_every=30_000, device="cpu", threads=1
    )


def variants(config: Config) -> dict[str, Config]:
    """The four arms of Mnih et al. 2015, extended data table 3.

    All make the same number of updates. Without replay each is of the newest transitions, those of the last round
    of the environments (8) in place of batch_size (64): what there is.
    """
    return {name: replace(config, agent=agent) for name, agent in replay_and_target_arms(config.agent).items()}


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


TARGET = None  # a comparison; Mnih et al. 2015, extended data table 3, made it on five Atari games

SMOKE = Config(
    agent=SMALL_BRICKS,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
