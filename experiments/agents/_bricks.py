"""What the experiments on lab/Bricks-v0 share: the game, as a DQN plays and is judged in it."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import BRICKS_DQN, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    agent: DQNConfig = BRICKS_DQN
    num_environments: int = 8  # stepped together
    stack: int = 4  # screens in an observation: one does not show where the ball is going
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30)
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=120_000, log_every=2_000, evaluate_every=10_000, save_every=30_000, device="cpu", threads=1
    )


def interaction(config: Problem, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    settings = {"stack": config.stack}
    return dqn_in(
        Environments("lab/Bricks-v0", config.num_environments, seeds.child("environments"), settings=settings),
        config.agent,
        seeds,
        evaluation=config.evaluation,
        device=config.run.torch_device(),
    )
