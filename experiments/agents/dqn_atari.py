"""DQN plays any Atari game from pixels, at the settings of Mnih et al. 2015 and under DQN Zoo's form of their protocol.

In that, games that are judged last 30 minutes at most; in the paper it was five.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.atari_protocol import NATURE, AtariProtocol
from agents.dqn_config import NATURE_DQN, DQNConfig
from agents.emulator import game_named
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction, small
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_atari."""

    game: str = "breakout"  # any of ale-py's, by any of its names: ms_pacman, MsPacman, ALE/MsPacman-v5
    agent: DQNConfig = NATURE_DQN
    protocol: AtariProtocol = NATURE
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30, epsilon=0.05)
    run: RunConfig = RunConfig(steps=50_000_000, log_every=10_000, evaluate_every=1_000_000, save_every=250_000)

    def __post_init__(self) -> None:
        """One game, one run directory, whatever it was called. Raises ValueError if there is none of that name."""
        object.__setattr__(self, "game", game_named(self.game))


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x the game."""
    return interaction(config, config.game, seeds)


TARGET = None  # every game has a number of its own; dqn_pong and dqn_breakout are held to theirs

SMOKE = Config(**small(NATURE_DQN, NATURE, epsilon=0.05))
