"""SB3Environments: what SB3's own DummyVecEnv gives for the same simulators and seeds, and what only ours has."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.agent import Transition
from agents.environments import Environments
from agents.sb3_environments import SB3Environments
from lab.seeding import Seeds


class Seeded(gym.Wrapper):
    """A simulator whose episodes have the seeds that ours give to those of copy `i`."""

    def __init__(self, i: int, seeds: Seeds, name: str, **settings: int):
        super().__init__(gym.make(name, **settings))
        self.i, self.seeds, self.episode = i, seeds, -1

    def reset(self, **ignored: object) -> tuple[np.ndarray, dict]:
        self.episode += 1
        return self.env.reset(seed=self.seeds.derive(f"{self.i}/{self.episode}") % 2**31)


def theirs(num: int, seeds: Seeds, name: str = "CartPole-v1", **settings: int) -> DummyVecEnv:
    return DummyVecEnv([lambda i=i: Seeded(i, seeds, name, **settings) for i in range(num)])


def test_gives_what_sb3s_own_gives_at_falls_and_at_time_limits() -> None:
    settings = {"max_episode_steps": 15}
    mine = SB3Environments(Environments("CartPole-v1", 3, Seeds(4), settings=settings))
    other = theirs(3, Seeds(4), **settings)
    assert np.array_equal(mine.reset(), other.reset())
    chance, seen = np.random.default_rng(0), set()
    for _ in range(80):
        actions = chance.integers(2, size=3)
        observations, rewards, dones, infos = mine.step(actions)
        expected = other.step(actions)
        assert np.array_equal(observations, expected[0])
        assert np.array_equal(rewards, expected[1])
        assert rewards.dtype == np.float32
        assert np.array_equal(dones, expected[2])
        assert dones.dtype == bool
        for done, info, there in zip(dones, infos, expected[3], strict=True):
            assert info["TimeLimit.truncated"] == there["TimeLimit.truncated"]
            assert ("terminal_observation" in info) == done
            if done:
                assert np.array_equal(info["terminal_observation"], there["terminal_observation"])
                seen.add(info["TimeLimit.truncated"])
    assert seen == {True, False}


class LivesLost:
    """Two environments; in the second a life is lost, and the game goes on."""

    num, observation_shape, observation_dtype = 2, (1,), np.dtype(np.uint8)
    action_space = gym.spaces.Discrete(3)
    observations = np.array([[5], [6]], np.uint8)

    def send(self, actions: np.ndarray) -> None:
        self.sent = actions

    def recv(self) -> Transition:
        self.observations = np.array([[7], [8]], np.uint8)
        return Transition(
            np.array([[5], [6]], np.uint8),
            self.sent,
            np.array([-20, 3], np.int32),
            np.array([1.0, 0.0], np.float32),
            np.array([[7], [8]], np.uint8),
            np.array([False, False]),
        )


def test_a_lost_life_is_done_where_it_is_and_rewards_are_clipped() -> None:
    environments = SB3Environments(LivesLost(), reward_clip=1.0)  # type: ignore[arg-type]
    observations, rewards, dones, infos = environments.step(np.array([2, 0]))
    assert observations.tolist() == [[7], [8]]
    assert rewards.tolist() == [-1.0, 1.0]
    assert dones.tolist() == [False, True]
    assert infos[0] == {"TimeLimit.truncated": False}
    assert infos[1]["terminal_observation"].tolist() == [8]
    assert not infos[1]["TimeLimit.truncated"]


def test_rewards_are_whole_without_a_clip() -> None:
    assert SB3Environments(LivesLost()).step(np.array([0, 0]))[1].tolist() == [-20.0, 3.0]  # type: ignore[arg-type]


def test_spaces_say_shape_type_and_number_of_actions() -> None:
    images = SB3Environments(Environments("lab/Bricks-v0", 1, Seeds(0), settings={"stack": 4}))
    assert images.observation_space == gym.spaces.Box(0, 255, (4, 12, 12), np.uint8)
    assert images.action_space == gym.spaces.Discrete(3)
    vectors = SB3Environments(Environments("CartPole-v1", 1, Seeds(0)))
    assert vectors.observation_space == gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
def test_the_action_space_shares_no_generator_with_a_simulator(name: str) -> None:
    environments = Environments(name, 1, Seeds(0))
    before = environments.action_space.np_random.bit_generator.state
    SB3Environments(environments).action_space.sample()
    assert environments.action_space.np_random.bit_generator.state == before


@pytest.mark.parametrize("name", ["Pendulum-v1", "LunarLanderContinuous-v3"])
def test_continuous_actions_do_what_they_do_behind_sb3s_own(name: str) -> None:
    mine, other = SB3Environments(Environments(name, 2, Seeds(4))), theirs(2, Seeds(4), name)
    assert mine.action_space == other.action_space
    assert np.array_equal(mine.reset(), other.reset())
    chance = np.random.default_rng(0)
    for _ in range(210):  # an episode lasts 200
        actions = chance.uniform(-1, 1, size=(2, *mine.action_space.shape)).astype(np.float32)
        found, expected = mine.step(actions), other.step(actions)
        for one, there in zip(found[:3], expected[:3], strict=True):
            assert np.array_equal(one, there)
    assert mine.action_space.shape == ((2,) if name.startswith("Lunar") else (1,))


def test_single_environments_cannot_be_reached() -> None:
    environments = SB3Environments(Environments("CartPole-v1", 2, Seeds(0)))
    assert environments.get_attr("render_mode") == [None, None]
    assert environments.env_is_wrapped(gym.Wrapper) == [False, False]
    for call in (
        lambda: environments.get_attr("gravity"),
        lambda: environments.set_attr("gravity", 1),
        lambda: environments.env_method("reset"),
    ):
        with pytest.raises(AttributeError, match="no single environments"):
            call()


def test_the_oracles_simulator_is_a_sound_one() -> None:
    check_env(Seeded(0, Seeds(0), "CartPole-v1"))
