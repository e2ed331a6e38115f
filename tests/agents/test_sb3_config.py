"""SB3's settings: its defaults by its names, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from inspect import signature
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch

from agents.environments import Environments
from agents.sb3_config import SB3DQNConfig, SB3PPOConfig
from agents.sb3_environments import SB3Environments
from lab.seeding import Seeds

OURS = {"policy", "net_arch", "features_dim", "horizon", "linear_decay"}  # that SB3's constructor takes otherwise


@pytest.mark.parametrize(("config", "algorithm"), [(SB3DQNConfig, "DQN"), (SB3PPOConfig, "PPO")])
def test_names_and_defaults_are_sb3s(config: type, algorithm: str) -> None:
    theirs = signature(getattr(stable_baselines3, algorithm)).parameters
    for field in fields(config):
        if field.name not in OURS:
            assert field.default == theirs[field.name].default, field.name


@pytest.mark.parametrize("config", [SB3DQNConfig(horizon=10), SB3PPOConfig(horizon=10)])
def test_every_setting_reaches_the_algorithm(config: SB3DQNConfig | SB3PPOConfig) -> None:
    changes: dict[str, Any] = {"net_arch": (5, 3)}
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, bool) and field.name not in OURS:
            changes[field.name] = not value
        elif isinstance(value, int | float) and field.name not in OURS:
            changes[field.name] = abs(value) + 1 if isinstance(value, int) else value / 2
    name = "Pendulum-v1" if isinstance(config, SB3PPOConfig) else "CartPole-v1"
    model = replace(config, **changes).build(SB3Environments(Environments(name, 1, Seeds(0))), 3, torch.device("cpu"))
    assert model.policy.net_arch == [5, 3]
    del changes["net_arch"]
    for name, value in changes.items():
        held = getattr(model, name)
        if name == "train_freq":
            held = held.frequency
        assert held(1.0) == value if name == "clip_range" else held == value, name


def test_what_decays_linearly_ends_at_0() -> None:
    config = SB3PPOConfig(horizon=10, learning_rate=0.5, clip_range=0.25, linear_decay=True)
    model = config.build(SB3Environments(Environments("CartPole-v1", 1, Seeds(0))), 3, torch.device("cpu"))
    assert [model.lr_schedule(left) for left in (1.0, 0.5, 0.0)] == [0.5, 0.25, 0.0]
    assert [model.clip_range(left) for left in (1.0, 0.5, 0.0)] == [0.25, 0.125, 0.0]
    assert model.lr_schedule(-0.1) == 0.0, "behind the horizon, where RL Zoo's own schedule goes below 0"


def test_cnn_policy_takes_its_number_of_features() -> None:
    environments = Environments("CartPole-v1", 1, Seeds(0))
    environments.observation_shape, environments.observation_dtype = (4, 36, 36), np.dtype(np.uint8)
    config = SB3DQNConfig(horizon=1, policy="CnnPolicy", net_arch=(), features_dim=7, buffer_size=1)
    model = config.build(SB3Environments(environments), 3, torch.device("cpu"))
    assert [tuple(p.shape) for p in model.q_net.parameters()][-4:] == [(7, 64), (7,), (2, 7), (2,)]


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"exploration_fraction": 0.0}, "exploration_fraction is 0.0"),
        ({"exploration_final_eps": 1.5}, "exploration_final_eps is 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SB3DQNConfig(**{"horizon": 10} | setting)


def test_ppo_counts_are_refused_too() -> None:
    with pytest.raises(ValueError, match="n_steps is 0"):
        SB3PPOConfig(horizon=10, n_steps=0)
    for freq in (0, -2):
        with pytest.raises(ValueError, match=f"sde_sample_freq is {freq}, but it counts steps"):
            SB3PPOConfig(horizon=10, sde_sample_freq=freq)
