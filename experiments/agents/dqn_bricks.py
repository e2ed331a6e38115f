"""DQN learns from pixels to keep a ball in play and to break bricks with it (lab/Bricks-v0, a game of the lab's own)."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import SMALL, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.experiment import Target
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of dqn_bricks."""

    agent: DQNConfig = DQNConfig(
        backbone=ConvolutionConfig(
            channels=(16, 32), kernel_size=3, stride=(1, 2), padding=0, dense=MLPConfig(widths=(128,))
        ),
        learning_rate=1e-3,
        learning_rate_decay=linear(1.0, 0.0, 150_000),
        exploration=linear(1.0, 0.05, 30_000),
        learn_after=2_000,
        train_every=8,
        updates=2,
        batch_size=32,
        replay_capacity=100_000,
        copy_target_every=1_000,
    )
    num_environments: int = 8  # stepped together
    stack: int = 4  # screens in an observation: one does not show where the ball is going
    evaluation: EvaluationConfig = EvaluationConfig()
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=150_000, log_every=2_000, evaluate_every=15_000, save_every=30_000, device="cpu", threads=1
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


TARGET = None
SMOKE = Config()
