"""A DQN whose backbone begins with an autoencoder's (lab/Bricks-v0): from scratch, frozen, and learning on.

It begins with what seed 0 of ae_bricks learnt, which came with the lab. `--from RUN` takes another run's instead, such
as that of a DQN:

    lab run dqn_bricks --seeds 9
    lab run dqn_bricks_pretrained --from dqn_bricks --seeds 0-4 --jobs 2 --report
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from agents.dqn_config import BRICKS_DQN, SMALL_BRICKS, DQNConfig
from agents.interaction import EvaluationConfig, Interaction
from experiments.agents._bricks import Problem, interaction
from lab.experiment import Compared
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.transfer import TransferConfig, arms

TAUGHT = TransferConfig(  # written by `lab export ae_bricks`
    weights=str(Path(__file__).parent / "weights" / "ae_bricks.safetensors"),
    sha256="80d2363b71d0765fd7435d0ecb69a6261bcb17e8ab87092cd25e9cfb5bccf990",
)


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_bricks_pretrained, which all arms share but for what the backbone begins with."""

    agent: DQNConfig = replace(BRICKS_DQN, transfer=TAUGHT)


def variants(config: Config) -> dict[str, Config]:
    """dqn_bricks, and the same with a backbone that stays as it was taught, and with one that learns on more slowly."""
    begun = {name: replace(config.agent, transfer=transfer) for name, transfer in arms(config.agent.transfer).items()}
    return {name: replace(config, agent=agent) for name, agent in begun.items()}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    return interaction(config, seeds)


TARGET = None  # a comparison; dqn_bricks holds its first arm to a number
COMPARED = Compared(
    metrics=("eval/return",),
    steps=120_000,
    protocol="mean return of 30 episodes of at most 500 steps, no exploration, last weights",
)

SMOKE = Config(
    # With the backbone of the whole, which alone is what the weights fit.
    agent=replace(SMALL_BRICKS, backbone=BRICKS_DQN.backbone, transfer=TAUGHT),
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
