"""Small DQNs and what they learn from in the tests."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import DQNConfig
from agents.dqn_trial import dqn_in
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.backbones import MLPConfig
from lab.schedules import constant
from lab.seeding import Seeds

TINY = DQNConfig(
    backbone=MLPConfig(widths=(8,)),
    learning_rate=1e-2,
    learning_rate_decay=constant(1.0),
    exploration=constant(0.5),
    learn_after=4,
    train_every=4,
    updates=3,
    batch_size=5,
    replay_capacity=50,
    copy_target_every=8,
    max_gradient_norm=None,
)


RAINBOW_PARTS: dict[str, Any] = {
    "double": True,
    "duelling": True,
    "hidden": (6,),
    "n_step": 3,
    "prioritised": True,
    "distributional": True,
    "atoms": 7,
    "value_range": (-5.0, 5.0),
    "noisy": True,
}


def make(**changes: Any) -> DQN:
    return DQN(replace(TINY, **changes), (3,), 2, Seeds(0))


def trial_in(name: str, config: DQNConfig, num: int = 1) -> Interaction:
    environments = Environments(name, num, Seeds(0).child("environments"))
    return dqn_in(environments, config, Seeds(0), evaluation=EvaluationConfig())


def transitions(count: int, num: int = 1, scale: float = 1.0) -> list[Transition]:
    """Steps that follow each other, in episodes that end now and then."""
    draw = np.random.default_rng(5)
    observation, experience = draw.normal(size=(num, 3)).astype(np.float32), []
    for _ in range(count):
        following, terminated = draw.normal(size=(num, 3)).astype(np.float32), draw.random(num) < 0.2
        reward = scale * draw.normal(size=num).astype(np.float32)
        action, discount = draw.integers(2, size=num), 1 - terminated.astype(np.float32)
        experience.append(Transition(observation, action, reward, discount, following, terminated))
        observation = np.where(terminated[:, None], draw.normal(size=(num, 3)).astype(np.float32), following)
    return experience


def parameters(agent: DQN) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in agent.network.parameters()])


def continuing(count: int) -> list[Transition]:
    """Steps of one episode."""
    one, no = np.ones(1, np.float32), np.zeros(1, bool)
    observations = [np.full((1, 3), i, np.float32) for i in range(count + 1)]
    return [Transition(a, np.array([0]), one, one, b, no) for a, b in pairwise(observations)]
