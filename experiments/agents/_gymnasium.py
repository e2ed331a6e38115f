"""What the experiments in any Gymnasium environment share: its id."""

from __future__ import annotations

from dataclasses import dataclass

from agents.environments import Environments
from agents.interaction import EvaluationConfig
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have, each with values of its own."""

    environment: str  # an id of Gymnasium's; of one of your own, MODULE:ID, which imports the module that registers it
    num_environments: int  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig

    def __post_init__(self) -> None:
        """Raises ValueError for an Atari game: in those, scores mean nothing without a protocol."""
        game = self.environment.rpartition(":")[2]
        if game.startswith("ALE/"):
            raise ValueError(
                f"environment is {self.environment!r}, whose scores mean nothing without a protocol (frames "
                f"skipped, sticky actions, no-ops). Take dqn_atari --game {game}, which has one."
            )


def environments(config: Problem, seeds: Seeds) -> Environments:
    """As many of them as are stepped together."""
    return Environments(config.environment, config.num_environments, seeds.child("environments"))
