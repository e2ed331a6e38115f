"""DQN on seven Atari games under the protocol of Dopamine, one arm a game."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.atari_protocol import DOPAMINE, AtariProtocol
from agents.dqn_config import ADAM_DQN, DQNConfig, small_pixels
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._atari import Problem, interaction
from lab.experiment import Compared
from lab.run import RunConfig
from lab.schedules import linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_seven_games."""

    game: str = "pong"  # set by each arm
    agent: DQNConfig = replace(
        ADAM_DQN,
        learning_rate=6.25e-5,
        optimizer_epsilon=0.75e-4,  # half of theirs, as theirs is the whole squared error: Adam's steps are equal
        huber=False,
        max_gradient_norm=None,
        exploration=linear(1.0, 0.01, 250_000, delay_steps=20_000),
        learn_after=20_000,
        copy_target_every=8_000,
    )
    protocol: AtariProtocol = DOPAMINE
    num_environments: int = 1  # stepped together
    evaluation: EvaluationConfig = EvaluationConfig(episodes=30, epsilon=0.001)
    run: RunConfig = RunConfig(steps=2_500_000, log_every=10_000, evaluate_every=250_000, save_every=250_000)


GAMES = ("pong", "breakout", "seaquest", "space_invaders", "beam_rider", "qbert", "enduro")  # of Mnih et al. 2013


def variants(config: Config) -> dict[str, Config]:
    """The games; every other setting is the same. Raises ValueError for a config that names a game itself."""
    if config.game != Config.game:
        raise ValueError(f"game is {config.game!r}, but each arm has its own. Take one by --variant {config.game}.")
    return {game: replace(config, game=game) for game in GAMES}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x the game."""
    return interaction(config, config.game, seeds)


# A comparison of games. Dopamine's curves are of training, where 1 action in 100 is random; and its convolutions pad
# (7,744 features, where Mnih et al. 2015 and these here have 3,136) and begin by Xavier's rule.
TARGET = None
COMPARED = Compared(
    metrics=("eval/return",),
    steps=2_500_000,
    protocol="mean return of 30 episodes with sticky actions (0.25), epsilon 0.001, last weights, 2.5 million agent "
    "steps (10 million frames)",
)

SMOKE = Config(
    agent=small_pixels(ADAM_DQN),
    protocol=replace(DOPAMINE, image_height=42, image_width=42, max_frames=240),
    evaluation=EvaluationConfig(episodes=1, epsilon=0.001),
    run=RunConfig(steps=240, log_every=40, evaluate_every=120, save_every=40, device="cpu", threads=1),
)
