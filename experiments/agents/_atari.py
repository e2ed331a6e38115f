"""What the experiments on Atari games share: a game, as a DQN plays and is judged in it, and the smallest version."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agents.atari import AtariEnvironments
from agents.atari_protocol import AtariProtocol
from agents.dqn_config import DQNConfig, small_pixels
from agents.dqn_trial import dqn_in, overlap_pays
from agents.interaction import EvaluationConfig, Interaction
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have, each with values of its own."""

    agent: DQNConfig
    protocol: AtariProtocol
    num_environments: int  # stepped together
    evaluation: EvaluationConfig
    run: RunConfig


def interaction(config: Problem, game: str, seeds: Seeds) -> Interaction:
    """The trial: a DQN x the game, which goes on while the DQN learns, unless there is a single copy of it."""
    device = config.run.torch_device()
    return dqn_in(
        AtariEnvironments(game, config.num_environments, seeds.child("environments"), config.protocol),
        config.agent,
        seeds,
        evaluation=config.evaluation,
        device=device,
        overlap=overlap_pays(config.num_environments, device),
    )


def small(agent: DQNConfig, protocol: AtariProtocol, epsilon: float) -> dict[str, Any]:
    """Settings of the smallest version of that agent, under that protocol, judged with that share of random actions."""
    return {
        "agent": small_pixels(agent),
        "protocol": replace(protocol, image_height=42, image_width=42, max_frames=400),
        "num_environments": 2,
        "evaluation": EvaluationConfig(episodes=1, epsilon=epsilon),
        "run": RunConfig(steps=400, log_every=100, evaluate_every=200, save_every=100, device="cpu", threads=1),
    }
