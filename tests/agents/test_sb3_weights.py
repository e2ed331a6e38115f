"""Weights to SB3: the same values there, and what SB3 does not have is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents.dqn import DQN
from agents.dqn_config import NATURE_CONVOLUTIONS, DQNConfig
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.sb3_weights import from_sb3, to_sb3
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.seeding import Seeds
from lab.transfer import TransferConfig
from lab.weights import save_weights
from tests.agents.sb3_cases import (
    CNN,
    MLP,
    VECTORS,
    apart,
    assert_alike,
    images,
    opened,
    their_values,
    trained,
    untrained,
    vectors,
)
from tests.agents.test_sb3_zip import IMAGES


@pytest.mark.parametrize(
    ("config", "shape", "observations"),
    [
        (MLP, VECTORS, vectors()),
        (replace(MLP, backbone=MLPConfig(widths=()), hidden=(6,)), VECTORS, vectors()),
        (replace(MLP, backbone=MLPConfig(widths=())), VECTORS, vectors()),
        (MLP, IMAGES, images()),
        (CNN, IMAGES, images()),
        (replace(CNN, backbone=NATURE_CONVOLUTIONS, hidden=(8,)), IMAGES, images()),
        (CNN, IMAGES, images().astype(np.float32) / 100),
    ],
    ids=["vectors", "hidden", "linear", "flat images", "images", "hidden above images", "images of floats"],
)
def test_ours_acts_in_sb3_as_here(config: DQNConfig, shape: tuple, observations: np.ndarray, tmp_path: Path) -> None:
    agent = untrained(config, shape, observations.dtype.type)
    assert_alike(agent, opened(to_sb3(agent, tmp_path / "agent.zip")), observations)


def test_settings_and_counters_go_along(tmp_path: Path) -> None:
    agent = trained()
    model = opened(to_sb3(agent, tmp_path / "agent.zip"))
    assert (model.num_timesteps, model._n_updates) == (110, agent.descent.updates)
    assert agent.descent.updates > 0
    held = {
        "learning_rate": 3e-3, "gamma": 0.95, "batch_size": 8, "buffer_size": 500, "learning_starts": 40,
        "gradient_steps": 3, "target_update_interval": 60, "n_steps": 2, "max_grad_norm": 10.0,
        "exploration_initial_eps": 0.9, "exploration_final_eps": 0.1,
    }  # fmt: skip
    assert {name: getattr(model, name) for name in held} == pytest.approx(held)
    assert model.train_freq.frequency == 4
    assert model.exploration_rate == pytest.approx(0.9 - 0.8 * 110 / 150)
    assert model.policy.optimizer.param_groups[0]["eps"] == 1e-5


@pytest.mark.parametrize("frozen", [False, True])
def test_a_backbone_taught_elsewhere_goes_along_without_moments(frozen: bool, tmp_path: Path) -> None:
    save_weights(trained().backbone, tmp_path / "b.safetensors")
    agent = trained(replace(MLP, transfer=TransferConfig.of(tmp_path / "b.safetensors", frozen=frozen)))
    apart(agent)
    model = opened(to_sb3(agent, tmp_path / "agent.zip"))
    assert_alike(agent, model, vectors())
    assert not model.policy.optimizer.state


def test_it_learns_on_in_sb3(tmp_path: Path) -> None:
    environment = gym.make("CartPole-v1")
    space = environment.observation_space
    assert isinstance(space, gym.spaces.Box)
    model = opened(to_sb3(trained(), tmp_path / "agent.zip", space))
    before = digest(model.policy.state_dict())
    model.set_env(environment)
    model.learn(60, reset_num_timesteps=False)
    assert digest(model.policy.state_dict()) != before
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())


def test_another_observation_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not that of the agent, whose observations are float32 \[4\]"):
        to_sb3(untrained(), tmp_path / "agent.zip", gym.spaces.Box(0, 1, (5,), np.float32))


def test_adams_moments_go_along(tmp_path: Path) -> None:
    for config in (MLP, replace(MLP, double=True)):
        written_out, by_autograd = trained(config), trained_by_autograd(config)
        for agent in (written_out, by_autograd):
            moments = opened(to_sb3(agent, tmp_path / "agent.zip")).policy.optimizer.state_dict()["state"]
            assert [float(moment["step"]) for moment in moments.values()] == [agent.descent.updates] * 6
            ours = agent.descent.state_dict()["moments"]
            for name in ("exp_avg", "exp_avg_sq"):
                expected = torch.cat([ours[number][name].flatten() for number in ours])
                assert torch.equal(torch.cat([moment[name].flatten() for moment in moments.values()]), expected)


def trained_by_autograd(config: DQNConfig) -> DQN:
    agent = DQN(config, VECTORS, 2, Seeds(3), written_out=False)
    interaction = Interaction(agent, Environments("CartPole-v1", 1, Seeds(0)), Seeds(0), EvaluationConfig())
    while interaction.steps < 110:
        interaction.step()
    assert agent.plain is None
    return agent


def test_a_suffix_is_added_and_the_path_returned(tmp_path: Path) -> None:
    assert to_sb3(untrained(), tmp_path / "agent") == tmp_path / "agent.zip"
    assert (tmp_path / "agent.zip").exists()
    assert from_sb3(tmp_path / "agent").steps == 0


def test_writing_leaves_agent_and_generators_alone(tmp_path: Path) -> None:
    agent = trained()
    before = digest(agent.state_dict()), torch.get_rng_state().tolist()
    to_sb3(agent, tmp_path / "agent.zip")
    assert before == (digest(agent.state_dict()), torch.get_rng_state().tolist())


def test_sb3s_replay_is_not_made_larger_than_8_gib(tmp_path: Path) -> None:
    agent = DQN(replace(CNN, replay_capacity=2_000_000), (4, 40, 44), 3, Seeds(0), observation_dtype=np.uint8, stack=4)
    assert opened(to_sb3(agent, tmp_path / "agent.zip")).buffer_size == 2**33 // (2 * 4 * 40 * 44)


def test_an_agent_without_a_frozen_network_has_its_own_as_target(tmp_path: Path) -> None:
    agent = DQN(replace(MLP, frozen_target=False), VECTORS, 3, Seeds(2))
    model = opened(to_sb3(agent, tmp_path / "agent.zip"))
    np.testing.assert_allclose(their_values(model, "q_net_target", vectors()), agent.values(vectors()), atol=1e-5)


@pytest.mark.parametrize(
    ("config", "shape", "dtype", "why"),
    [
        (replace(MLP, duelling=True), VECTORS, np.float32, "is duelling, and SB3's DQN has no network for that"),
        (replace(MLP, distributional=True), VECTORS, np.float32, "is distributional"),
        (replace(MLP, noisy=True), VECTORS, np.float32, "is noisy"),
        (replace(MLP, popart=True), VECTORS, np.float32, "is popart"),
        (replace(MLP, backbone=MLPConfig(widths=(5,), activation="tanh")), VECTORS, np.float32, r"is Linear.*Tanh\(\)"),
        (replace(MLP, backbone=MLPConfig(widths=(5,), dropout=0.5)), VECTORS, np.float32, "Dropout"),
        (replace(MLP, backbone=ConvolutionConfig()), IMAGES, np.uint8, "SB3's DQN has the three convolutions"),
        (replace(MLP, backbone=replace(NATURE_CONVOLUTIONS, stride=2)), IMAGES, np.uint8, "SB3's DQN has the three"),
        (replace(CNN, backbone=NATURE_CONVOLUTIONS), IMAGES, np.uint8, "two linear"),
        (MLP, VECTORS, np.uint8, r"observations \[4\] of bytes"),
    ],
    ids=["duelling", "distributional", "noisy", "popart", "tanh", "dropout", "convolutions", "stride", "head", "bytes"],
)
def test_what_sb3_does_not_have_is_refused(
    config: DQNConfig, shape: tuple, dtype: type, why: str, tmp_path: Path
) -> None:
    agent = DQN(config, shape, 3, Seeds(0), observation_dtype=dtype)
    with pytest.raises(ValueError, match=why):
        to_sb3(agent, tmp_path / "agent.zip")
    assert not (tmp_path / "agent.zip").exists()


def test_the_rule_goes_along(tmp_path: Path) -> None:
    agent = untrained(replace(MLP, optimizer="rmsprop", optimizer_epsilon=0.1 / 32), VECTORS, np.float32)
    model = opened(to_sb3(agent, tmp_path / "a.zip"))
    assert type(model.policy.optimizer) is torch.optim.RMSprop
    (group,) = model.policy.optimizer.param_groups
    assert (group["alpha"], group["eps"], group["centered"]) == (0.95, 0.1 / 32, True)
    with pytest.raises(ValueError, match="optimizer_class is RMSprop, but only Adam can be taken over"):
        from_sb3(tmp_path / "a.zip")
