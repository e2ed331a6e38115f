"""Agents of ours and of SB3, and how the two are held against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import stable_baselines3
import torch

from agents.dqn import DQN
from agents.dqn_config import NATURE_CONVOLUTIONS, DQNConfig
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from lab.backbones import MLPConfig
from lab.schedules import constant, linear
from lab.seeding import Seeds
from tests.agents.test_sb3_zip import IMAGES

MLP = DQNConfig(
    backbone=MLPConfig(widths=(12, 7)),
    learning_rate=3e-3,
    learning_rate_decay=constant(1.0),
    optimizer_epsilon=1e-5,
    exploration=linear(0.9, 0.1, 150),
    learn_after=40,
    train_every=4,
    updates=3,
    batch_size=8,
    replay_capacity=500,
    copy_target_every=60,
    discount=0.95,
    n_step=2,
)
CNN = replace(MLP, backbone=replace(NATURE_CONVOLUTIONS, dense=MLPConfig(widths=(9, 5))))
VECTORS = (4,)


def vectors(count: int = 60) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, *VECTORS)).astype(np.float32)


def images(count: int = 6) -> np.ndarray:
    return np.random.default_rng(1).integers(256, size=(count, *IMAGES), dtype=np.uint8)


def untrained(config: DQNConfig = MLP, shape: tuple[int, ...] = VECTORS, dtype: Any = np.float32) -> DQN:
    agent = DQN(config, shape, 3, Seeds(2), observation_dtype=dtype)
    apart(agent)
    return agent


@torch.no_grad()
def apart(agent: DQN) -> None:
    """Gives the target network weights of its own, so that one in place of the other is seen."""
    assert agent.target_network is not None
    for parameter in agent.target_network.parameters():
        parameter.mul_(1.5)


def trained(config: DQNConfig = MLP) -> DQN:
    environments = Environments("CartPole-v1", 1, Seeds(0))
    agent = DQN(config, environments.observation_shape, 2, Seeds(3))
    interaction = Interaction(agent, environments, Seeds(0), EvaluationConfig())
    while interaction.steps < 110:
        interaction.step()
    return agent


def target_values(agent: DQN, observations: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return agent.target_network(agent.passes.inputs(torch.from_numpy(observations))).numpy()


def opened(path: Path) -> Any:
    return stable_baselines3.DQN.load(path, device="cpu")


def their_values(model: Any, network: str, observations: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return getattr(model, network)(model.policy.obs_to_tensor(observations)[0]).numpy()


def assert_alike(agent: DQN, model: Any, observations: np.ndarray) -> None:
    np.testing.assert_allclose(their_values(model, "q_net", observations), agent.values(observations), atol=1e-5)
    expected = target_values(agent, observations)
    np.testing.assert_allclose(their_values(model, "q_net_target", observations), expected, atol=1e-5)
    actions = model.predict(observations, deterministic=True)[0]
    assert np.array_equal(actions, agent.act(observations, explore=False))
    assert not np.allclose(expected, agent.values(observations)), "the two networks must differ to be told apart"
