"""SB3 as a trial: the numbers of its own `learn`, exact states, and generators that are its own."""

from __future__ import annotations

import random
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3.common.distributions import StateDependentNoiseDistribution

from agents.agent import Valued
from agents.environments import Environments
from agents.interaction import EvaluationConfig
from agents.sb3_config import SB3DQNConfig, SB3PPOConfig
from agents.stable_baselines import SB3Trial
from lab.checkpoint import Checkpoints, digest
from lab.seeding import Seeds
from lab.trial import Illustrated, Recorded, Replayable
from tests.agents.test_sb3_environments import theirs

LIMIT = {"max_episode_steps": 30}


class Coloured(gym.Env):
    """An image [H, W, 3] of bytes, whose axes SB3 turns; what was done stands in it."""

    observation_space = gym.spaces.Box(0, 255, (5, 4, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return self.np_random.integers(256, size=(5, 4, 3), dtype=np.uint8), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return (
            self.np_random.integers(1 + 254 * action, size=(5, 4, 3), dtype=np.uint8),
            float(action),
            False,
            False,
            {},
        )


class Boundless(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        return np.zeros(2, np.float32), {}


gym.register("tests/Coloured-v0", Coloured)
gym.register("tests/Boundless-v0", Boundless)
DQN = SB3DQNConfig(
    net_arch=(16,),
    horizon=480,
    learning_rate=1e-3,
    batch_size=8,
    buffer_size=200,  # so that the ring turns
    learning_starts=50,
    target_update_interval=40,
    train_freq=8,
    gradient_steps=2,
    exploration_fraction=0.5,
)
PPO = SB3PPOConfig(net_arch=(16,), horizon=480, n_steps=24, batch_size=16, n_epochs=2, linear_decay=True)
GSDE = replace(PPO, use_sde=True, sde_sample_freq=4)  # of continuous actions
IMAGES = replace(PPO, net_arch=(8,))
both = pytest.mark.parametrize("config", [DQN, PPO], ids=["dqn", "ppo"])


every = pytest.mark.parametrize("config", [DQN, PPO, GSDE], ids=["dqn", "ppo", "ppo, continuous"])


def name_of(config: Any) -> str:
    return "Pendulum-v1" if config is GSDE else "tests/Coloured-v0" if config is IMAGES else "CartPole-v1"


def trial(config: Any, root: int = 5, num: int = 2, episodes: int = 3) -> SB3Trial:
    seeds = Seeds(root)
    environments = Environments(name_of(config), num, seeds.child("environments"), settings=LIMIT)
    return SB3Trial(config, environments, seeds, EvaluationConfig(episodes=episodes))


def going_on(one: SB3Trial, steps: int) -> SB3Trial:
    while one.steps < steps:
        one.step()
    return one


@pytest.mark.parametrize("num", [1, 2])
@every
def test_numbers_are_those_of_sb3s_own_learn(config: Any, num: int) -> None:
    ours = going_on(trial(config, num=num), config.horizon).agent.model
    seeds = Seeds(5)
    environments = theirs(num, seeds.child("environments"), name_of(config), **LIMIT)
    plain = config.build(environments, seeds.derive("sb3") % 2**32, torch.device("cpu"))
    plain.learn(config.horizon)
    assert ours.num_timesteps == plain.num_timesteps
    assert isinstance(plain.policy.action_dist, StateDependentNoiseDistribution) if config is GSDE else True
    assert ours._n_updates == plain._n_updates > 0
    assert digest(ours.policy.state_dict()) == digest(plain.policy.state_dict())
    assert digest(ours.policy.optimizer.state_dict()) == digest(plain.policy.optimizer.state_dict())
    assert np.array_equal(ours._last_obs, plain._last_obs)
    if config is DQN:
        assert ours.exploration_rate == plain.exploration_rate
        for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
            assert np.array_equal(getattr(ours.replay_buffer, name), getattr(plain.replay_buffer, name)), name


@both
def test_returns_and_losses_are_reported(config: Any) -> None:
    one = trial(config)
    rows = [one.step() for _ in range(10)]
    assert any("return" in row for row in rows)
    assert all(1 <= row["return"] == row["length"] <= 30 for row in rows if "return" in row)
    assert "loss" in rows[-1]
    records = one.take_records()
    assert {record["kind"] for record in records} == {"training"}
    mean = np.mean([record["return"] for record in records if record["step"] == records[-1]["step"]])
    last = next(row for row in reversed(rows) if "return" in row)
    assert last["return"] == mean


def test_nothing_is_reported_twice() -> None:
    one = trial(DQN)
    while "loss" not in one.step():
        pass
    one._driven.model.learning_starts = 10**9  # from here on it only collects
    assert "loss" not in one.step()


@pytest.mark.parametrize(
    "config",
    [DQN, replace(DQN, buffer_size=200_000), PPO, GSDE, IMAGES],
    ids=["dqn", "dqn, saved by what changed", "ppo", "ppo, continuous", "ppo, images"],
)
def test_it_goes_on_exactly_from_a_checkpoint(config: Any, tmp_path: Path) -> None:
    one, checkpoints = trial(config), Checkpoints(tmp_path)
    for steps in (100, 300):  # a second one, which saves only what changed
        going_on(one, steps)
        while not one.agent.model._last_episode_starts.any():  # for PPO a moment at which an episode begins
            one.step()
        checkpoints.save(one.steps, one.state_dict())
    saved = digest(one.state_dict())
    other = going_on(trial(config), 150)  # has a past of its own
    other.agent.model._last_episode_starts[:] = False
    found = checkpoints.newest()
    assert found is not None
    other.load_state_dict(found.state)
    assert digest(other.state_dict()) == saved
    assert [other.step() for _ in range(5)] == [one.step() for _ in range(5)]
    assert digest(other.state_dict()) == digest(one.state_dict()) != saved


@both
def test_a_state_is_taken_up_as_a_copy(config: Any) -> None:
    one, other = going_on(trial(config), 200), trial(config)
    state = one.state_dict()
    expected = digest(going_on(_loaded(config, deepcopy(state)), 300).state_dict())
    other.load_state_dict(state)
    going_on(one, 400)
    assert digest(going_on(other, 300).state_dict()) == expected


def _loaded(config: Any, state: dict[str, Any]) -> SB3Trial:
    one = trial(config)
    one.load_state_dict(state)
    return one


@every
def test_the_global_generators_are_left_alone_and_leave_it_alone(config: Any) -> None:
    expected = digest(going_on(trial(config), 200).state_dict())
    random.seed(1), np.random.seed(2), torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    one = trial(config)
    while one.steps < 200:
        one.step()
        one.evaluate()
        one.rehearse()
        assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
        random.random(), np.random.rand(), torch.rand(1)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert digest(one.state_dict()) == expected


@every
def test_it_is_judged_by_greedy_episodes_of_its_own(config: Any) -> None:
    one = going_on(trial(config, episodes=2), 200)
    judged = one.evaluate()
    assert one.evaluate() == judged
    environments = one.environments.fresh(2, Seeds(5).child(f"evaluation/{one.steps}"), once=True)
    total = 0.0
    while not environments.resting.all():
        actions, _ = one.agent.model.predict(environments.observations, deterministic=True)
        total += environments.step(actions).reward.sum()
    assert judged["return"] == total / 2


@every
def test_it_can_be_shown_and_recorded(config: Any) -> None:
    one = going_on(trial(config), 200)
    assert isinstance(one, Illustrated)
    assert isinstance(one, Recorded)
    assert isinstance(one, Replayable)
    before = digest(one.state_dict())
    clip = one.illustrate()["episode"]
    assert next(iter(clip.frames)).ndim == 3
    assert ("values" in clip.caption) == (config is DQN), "only a DQN values actions"
    assert digest(one.state_dict()) == before


def test_only_a_dqn_values_actions_and_by_its_network() -> None:
    assert not isinstance(trial(PPO).agent, Valued)
    agent = going_on(trial(DQN), 100).agent
    assert isinstance(agent, Valued)
    observations = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    values = agent.values(observations)
    assert values.shape == (6, 2)
    assert np.array_equal(values.argmax(1), agent.act(observations, explore=False))
    with torch.no_grad():
        assert np.array_equal(values, agent.model.q_net(torch.from_numpy(observations)).numpy())


@pytest.mark.parametrize(("config", "algorithm"), [(DQN, "DQN"), (PPO, "PPO")], ids=["dqn", "ppo"])
def test_sb3_opens_what_its_model_saves(config: Any, algorithm: str, tmp_path: Path) -> None:
    one = going_on(trial(config), 200)
    one.agent.model.save(tmp_path / "agent.zip")
    opened = getattr(stable_baselines3, algorithm).load(tmp_path / "agent.zip", device="cpu")
    observations = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert np.array_equal(
        opened.predict(observations, deterministic=True)[0], one.agent.act(observations, explore=False)
    )


def test_exploration_falls_on_over_the_horizon_where_it_was_resumed() -> None:
    whole = going_on(trial(DQN), 160)
    resumed = _loaded(DQN, going_on(trial(DQN), 80).state_dict())
    assert resumed.agent.model.exploration_rate == pytest.approx(1 - 0.95 / 3)
    going_on(resumed, 160)
    # Half the horizon of 480 is 240: two thirds of the way from 1 to 0.05.
    assert whole.agent.model.exploration_rate == pytest.approx(1 - 0.95 * 2 / 3)
    assert resumed.agent.model.exploration_rate == whole.agent.model.exploration_rate


def test_actions_that_sb3_does_not_take_are_refused_with_what_to_do() -> None:
    environments = Environments("Pendulum-v1", 1, Seeds(0))
    with pytest.raises(ValueError, match=r"Pendulum-v1 has the action space Box.*take another environment"):
        SB3Trial(DQN, environments, Seeds(0), EvaluationConfig())
    environments = Environments("tests/Boundless-v0", 1, Seeds(0))
    with pytest.raises(ValueError, match=r"tests/Boundless-v0 takes actions Box\(-inf, inf.*\.RescaleAction"):
        SB3Trial(PPO, environments, Seeds(0), EvaluationConfig())


def test_a_replay_larger_than_memory_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(ValueError, match=r"1,000,000,000,000 transitions needs 48428\.8 GiB in SB3.*Set buffer_size"):
        trial(SB3DQNConfig(horizon=10, buffer_size=10**12))


def test_the_module_is_imported_without_sb3() -> None:
    program = "import sys, agents.stable_baselines; print('stable_baselines3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
