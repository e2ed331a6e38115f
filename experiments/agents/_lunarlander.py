"""What the experiments on LunarLander-v3 share: a DQN's settings for it."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dqn_config import DQNConfig
from experiments.agents import _gymnasium
from lab.backbones import MLPConfig
from lab.run import RunConfig
from lab.schedules import linear

NAME = "LunarLander-v3"


@dataclass(frozen=True, kw_only=True)
class Problem(_gymnasium.Problem):
    """The settings that all of them have."""

    agent: DQNConfig = DQNConfig(
        backbone=MLPConfig(widths=(256, 256)),
        learning_rate=6.3e-4,
        learning_rate_decay=linear(1.0, 0.0, 100_000),
        exploration=linear(1.0, 0.1, 12_000),
        train_every=4,
        copy_target_every=250,
    )
    # A network this small gains nothing from a GPU or from a second thread.
    run: RunConfig = RunConfig(
        steps=100_000, log_every=1_000, evaluate_every=10_000, save_every=20_000, device="cpu", threads=1
    )
