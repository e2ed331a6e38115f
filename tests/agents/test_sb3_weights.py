"""Weights to and from SB3: the same values on either side, and what either side does not have is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3.common.utils import LinearSchedule

from agents.dqn import DQN
from agents.dqn_config import NATURE_CONVOLUTIONS, DQNConfig
from agents.environments import Environments
from agents.interaction import EvaluationConfig, Interaction
from agents.sb3_config import SB3DQNConfig
from agents.sb3_weights import from_sb3, to_sb3
from agents.stable_baselines import SB3Trial
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.schedules import constant, linear
from lab.seeding import Seeds
from lab.transfer import TransferConfig
from lab.weights import save_weights
from tests.agents.test_sb3_zip import IMAGES, Pictures, saved, theirs, with_data

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


# ---- to SB3 ---------------------------------------------------------------------------------------------------------


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


# ---- from SB3 -------------------------------------------------------------------------------------------------------


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
