"""What the experiments in Gymnasium's environments share: a DQN in one of them, and environments by their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.dqn_config import SMALL, DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all with a DQN have, each with values of its own."""

    agent: DQNConfig
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig


def interaction(config: Problem, name: str, seeds: Seeds) -> Interaction:
    """The trial: a DQN x the environment of that id."""
    return dqn_in(
        Environments(name, config.num_environments, seeds.child("environments")),
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


@dataclass(frozen=True, kw_only=True)
class ById:
    """The setting of those in any environment."""

    environment: str  # an id of Gymnasium's; of one of your own, MODULE:ID, which imports the module that registers it

    def __post_init__(self) -> None:
        """Raises ValueError for an Atari game: in those, scores mean nothing without a protocol."""
        game = self.environment.rpartition(":")[2]
        if game.startswith("ALE/"):
            raise ValueError(
                f"environment is {self.environment!r}, whose scores mean nothing without a protocol (frames "
                f"skipped, sticky actions, no-ops). Take dqn_atari --game {game}, which has one."
            )
