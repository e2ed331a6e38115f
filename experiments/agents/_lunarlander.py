"""What the experiments on LunarLander-v3 share: a DQN's settings for it, and how they become a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.dqn_config import SMALL, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.backbones import MLPConfig
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    agent: DQNConfig = DQNConfig(
        backbone=MLPConfig(widths=(256, 256)),
        learning_rate=6.3e-4,
        learning_rate_decay=linear(1.0, 0.0, 100_000),
        exploration=linear(1.0, 0.1, 12_000),
        train_every=4,
        copy_target_every=250,
    )
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=100_000, log_every=1_000, evaluate_every=10_000, save_every=20_000, device="cpu", threads=1
    )


def interaction(config: Problem, seeds: Seeds) -> Interaction:
    """The trial: a DQN x LunarLander-v3."""
    return dqn_in(
        Environments("LunarLander-v3", config.num_environments, seeds.child("environments")),
        config.agent,
        seeds,
        evaluation=config.evaluation,
        device=config.run.torch_device(),
    )


def small() -> dict[str, Any]:
    """Settings of the smallest version."""
    return {
        "agent": SMALL,
        "num_environments": 2,
        "evaluation": EvaluationConfig(episodes=2),
        "run": RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
    }
