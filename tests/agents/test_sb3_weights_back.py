"""Weights from SB3: the same values here, there and back again, and what does not fit is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.utils import LinearSchedule

from agents.dqn_config import DQNConfig
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.sb3_config import SB3DQNConfig
from agents.sb3_weights import from_sb3, to_sb3
from agents.stable_baselines import SB3Trial
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.schedules import constant, linear
from lab.seeding import Seeds
from tests.agents.sb3_cases import (
    CNN,
    MLP,
    assert_alike,
    images,
    their_values,
    trained,
    untrained,
    vectors,
)
from tests.agents.test_sb3_zip import IMAGES, Pictures, saved, theirs, with_data


@pytest.mark.parametrize(
    ("policy", "env", "widths", "observations"),
    [
        ("MlpPolicy", "CartPole-v1", [16, 5], vectors()),
        ("MlpPolicy", "CartPole-v1", [], vectors()),
        ("MlpPolicy", Pictures, [6], images()),
        ("CnnPolicy", Pictures, [], images()),
        ("CnnPolicy", Pictures, [10], images()),
    ],
)
def test_theirs_acts_here_as_in_sb3(
    policy: str, env: Any, widths: list[int], observations: np.ndarray, tmp_path: Path
) -> None:
    features = {"features_extractor_kwargs": {"features_dim": 11}} if policy == "CnnPolicy" else {}
    model = theirs(policy, env if isinstance(env, str) else env(), policy_kwargs={"net_arch": widths, **features})
    assert_alike(from_sb3(saved(model, tmp_path)), model, observations)


def test_theirs_brings_its_settings(tmp_path: Path) -> None:
    model = theirs(
        learning_rate=5e-4, gamma=0.9, batch_size=16, train_freq=8, gradient_steps=-1, max_grad_norm=3, n_steps=3,
        exploration_fraction=0.5, exploration_initial_eps=0.8, exploration_final_eps=0.2,
        policy_kwargs={"optimizer_kwargs": {"eps": 1e-4}},
    )  # fmt: skip
    agent = from_sb3(saved(model, tmp_path))
    assert agent.config == DQNConfig(
        backbone=MLPConfig(widths=(64, 64)),
        discount=0.9,
        learning_rate=5e-4,
        learning_rate_decay=constant(1.0),
        optimizer_epsilon=1e-4,
        max_gradient_norm=3.0,
        exploration=linear(0.8, 0.2, 30),
        learn_after=model.num_timesteps + 20,
        train_every=8,
        updates=8,
        batch_size=16,
        replay_capacity=100,
        copy_target_every=16,
        n_step=3,
    )
    assert (agent.steps, agent.descent.updates) == (model.num_timesteps, model._n_updates)


def test_steps_of_several_environments_are_counted_together(tmp_path: Path) -> None:
    trial = SB3Trial(
        SB3DQNConfig(horizon=100, net_arch=(4,), train_freq=2, gradient_steps=-1, buffer_size=50),
        Environments("CartPole-v1", 3, Seeds(0)),
        Seeds(0),
        EvaluationConfig(),
    )
    trial.step()
    agent = from_sb3(saved(trial.agent.model, tmp_path))
    assert (agent.config.train_every, agent.config.updates, agent.steps) == (6, 6, 6)


def test_a_schedule_of_the_rate_gives_the_last_rate(tmp_path: Path) -> None:
    model = theirs(learning_rate=LinearSchedule(1e-3, 1e-4, 1.0))
    assert model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
    agent = from_sb3(saved(model, tmp_path))
    assert agent.config.learning_rate == model.policy.optimizer.param_groups[0]["lr"]


def test_episodes_as_training_frequency_have_no_counterpart(tmp_path: Path) -> None:
    assert from_sb3(saved(theirs(train_freq=(7, "episode")), tmp_path)).config.train_every == 4


@pytest.mark.parametrize("config", [MLP, CNN], ids=["vectors", "images"])
def test_there_and_back_again_is_the_same_agent(config: DQNConfig, tmp_path: Path) -> None:
    agent = trained() if config is MLP else untrained(CNN, IMAGES, np.uint8)
    back = from_sb3(to_sb3(agent, tmp_path / "agent.zip"))
    assert back.config == replace(agent.config, learn_after=agent.steps + agent.config.learn_after)
    assert back.steps == agent.steps
    for part in ("networks", "descent"):
        assert digest(back.state_dict()[part]) == digest(agent.state_dict()[part])


def test_both_learn_on_alike(tmp_path: Path) -> None:
    """The same batch moves our network by the same update, moments included, as SB3's."""
    model = theirs(policy_kwargs={"net_arch": [16]}, learning_rate=1e-3, target_update_interval=10**6, train_freq=1)
    agent = from_sb3(saved(model, tmp_path))
    rows = model.replay_buffer._get_samples(np.arange(30))
    before = their_values(model, "q_net", vectors())
    model.replay_buffer.sample = lambda size, env: rows
    model.train(gradient_steps=1, batch_size=30)
    batch = _batch(rows)
    agent._update(batch, agent._target(batch, agent.target_network(batch.next_observation)), None)
    after = their_values(model, "q_net", vectors())
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(agent.values(vectors()), after, atol=1e-5)


def _batch(rows: Any) -> Any:
    from agents.replay import Batch

    return Batch(
        rows.observations,
        rows.actions[:, 0],
        rows.rewards[:, 0],
        0.99 * (1 - rows.dones[:, 0]),
        rows.next_observations,
    )


def test_it_fills_its_replay_before_it_learns_on(tmp_path: Path) -> None:
    agent = from_sb3(saved(theirs(train_freq=4, gradient_steps=1), tmp_path))  # after 60 steps, learning_starts=20
    begun, updates = agent.steps, agent.descent.updates
    assert (begun, updates > 0, len(agent.replay)) == (60, True, 0)
    environments = Environments("CartPole-v1", 1, Seeds(0))
    interaction = Interaction(agent, environments, Seeds(0), EvaluationConfig())
    counted = []
    for _ in range(28):
        interaction.step()
        counted.append(agent.descent.updates - updates)
    assert counted == [0] * 19 + [1] * 4 + [2] * 4 + [3]


def test_options_of_the_agent(tmp_path: Path) -> None:
    model = theirs("CnnPolicy", Pictures(), policy_kwargs={"features_extractor_kwargs": {"features_dim": 3}})
    agent = from_sb3(saved(model, tmp_path), stack=3, replay_capacity=77, reward_dtype=np.int32)
    assert (agent.replay.stack, agent.config.replay_capacity) == (3, 77)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"activation_fn": torch.nn.Tanh}, "activation_fn is Tanh, but only ReLU"),
        ({"normalize_images": False}, "bytes that SB3 does not scale"),
    ],
)
def test_another_network_is_refused(policy: dict, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        from_sb3(saved(theirs("MlpPolicy", Pictures(), steps=1, policy_kwargs=policy), tmp_path))


def test_other_layers_are_refused(tmp_path: Path) -> None:
    path = saved(theirs("MultiInputPolicy", DictPictures(), steps=1), tmp_path)
    with pytest.raises(ValueError, match=r"features_extractor\.extractors"):
        from_sb3(path)


def test_layers_of_another_kind_are_refused(tmp_path: Path) -> None:
    their_zip = saved(theirs(steps=1), tmp_path)
    foreign = {":type:": "<class 'type'>", ":serialized:": "", "features_extractor_class": "<class 'mine.ResNet'>"}
    with pytest.raises(ValueError, match="features_extractor_class is ResNet, but only FlattenExtractor and NatureCNN"):
        from_sb3(with_data(their_zip, policy_kwargs=foreign))


class DictPictures(Pictures):
    """The same in a dict."""

    observation_space = gym.spaces.Dict({"eye": Pictures.observation_space})


def test_observations_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    their_zip = saved(theirs(steps=1), tmp_path)
    box = {":type:": "<class 'gymnasium.spaces.box.Box'>", "_shape": [5], "dtype": "float32"}
    with pytest.raises(ValueError, match=r"does not fit observations \[5\]"):
        from_sb3(with_data(their_zip, observation_space=box))
    doubles = from_sb3(with_data(their_zip, observation_space=box | {"_shape": [4], "dtype": "float64"}))
    assert doubles.act(np.zeros((2, 4), np.float32), explore=False).shape == (2,), "as environments carry doubles here"


def test_reading_does_not_import_sb3(tmp_path: Path) -> None:
    their_zip = saved(theirs(steps=1), tmp_path)
    program = (
        f"import sys; from agents.sb3_weights import from_sb3; from_sb3({str(their_zip)!r}); "
        "print('stable_baselines3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
