"""What each of Rainbow's parts does to a DQN that learns from pixels (lab/Bricks-v0), one arm a part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agents.dqn_config import SMALL_BRICKS
from agents.interaction import EvaluationConfig, Interaction
from agents.priorities import PrioritisedConfig
from experiments.agents._bricks import Problem, interaction
from lab.experiment import Compared
from lab.run import RunConfig
from lab.schedules import constant, linear
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of dqn_bricks_parts, which all arms share."""


def variants(config: Config) -> dict[str, Config]:
    """DQN, DQN with one switch on, and with Rainbow's six; every other setting is the same."""
    parts: dict[str, dict[str, Any]] = {
        "double": {"double": True},
        "duelling": {"duelling": True},
        "prioritised": {"prioritised": True, "priorities": PrioritisedConfig(importance=linear(0.4, 1.0, 120_000))},
        "n-step": {"n_step": 3},
        "distributional": {"distributional": True, "value_range": (0.0, 10.0)},
        "noisy": {"noisy": True, "exploration": constant(0.0)},
    }
    rainbow = {name: value for part in parts.values() for name, value in part.items()}
    arms = {"dqn": {}, **parts, "popart": {"popart": True}, "rainbow": rainbow}
    return {name: replace(config, agent=replace(config.agent, **changes)) for name, changes in arms.items()}


def build(config: Config, seeds: Seeds) -> Interaction:
    """The trial: a DQN x Bricks."""
    return interaction(config, seeds)


TARGET = None  # a comparison; dqn_bricks holds its first arm to a number
COMPARED = Compared(
    metrics=("eval/return",),
    steps=120_000,
    seeds=3,
    protocol="mean return of 30 episodes of at most 500 steps, no exploration, last weights",
)

SMOKE = Config(
    agent=SMALL_BRICKS,
    evaluation=EvaluationConfig(episodes=2),
    run=RunConfig(steps=800, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
)
