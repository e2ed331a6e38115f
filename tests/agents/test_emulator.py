"""The emulator: what it shows, against gymnasium's own preprocessing, and the names of the games."""

from __future__ import annotations

import re
from dataclasses import replace

import ale_py
import gymnasium as gym
import numpy as np
import pytest

from agents.atari_protocol import NATURE, AtariProtocol
from agents.emulator import Emulator, action_meanings, game_named, games

PLAIN = replace(NATURE, noop_max=0)
SEED = 11


def raw(game: str) -> gym.Env:
    """The console as gymnasium has it, a frame a step, without chance."""
    gym.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return gym.make(f"ALE/{game}-v5", frameskip=1, repeat_action_probability=0.0, disable_env_checker=True)


@pytest.mark.parametrize("game", ["Pong", "Breakout"])
def test_preprocessing_is_that_of_gymnasium(game: str) -> None:
    pytest.importorskip("cv2")  # gymnasium resizes with it
    oracle = gym.wrappers.FrameStackObservation(
        gym.wrappers.AtariPreprocessing(raw(game), noop_max=0), 4, padding_type="zero"
    )
    emulator = Emulator(game_named(game), PLAIN)
    expected, _ = oracle.reset(seed=SEED)
    assert np.array_equal(emulator.begin(SEED).observation, expected)
    assert expected[3].any()
    assert not expected[:3].any()
    chance = np.random.default_rng(5)
    rewards, over = [], False
    for step in range(250):
        action = 1 if step % 10 == 0 else int(chance.integers(4))
        emulator.send(action)
        moment = emulator.recv()
        expected, reward, over, truncated, info = oracle.step(action)
        assert np.array_equal(moment.observation, expected)
        assert (moment.reward, moment.terminated, moment.truncated) == (reward, over, truncated)
        assert moment.lives == info["lives"]
        rewards.append(reward)
        if over:
            break
    assert any(rewards)
    assert over == (game == "Breakout")  # five balls are soon lost


def test_colours_are_the_screens_own_and_the_episode_is_the_same() -> None:
    """Also with sticky actions, since how a frame is shown does not touch the console."""
    console = raw("Breakout")
    camera = Emulator("breakout", PLAIN, colour=True)
    console.reset(seed=SEED)
    picture = camera.begin(SEED).observation
    assert picture.shape == (1, 210, 160, 3)
    for action in [1, 2, 2, 3]:
        camera.send(action)
        frames = [console.step(action)[0] for _ in range(4)]
        assert np.array_equal(camera.recv().observation[0], np.maximum(frames[-1], frames[-2]))

    sticky = replace(NATURE, sticky_action_probability=0.25)
    grey, coloured = Emulator("breakout", sticky), Emulator("breakout", sticky, colour=True)
    grey.begin(SEED), coloured.begin(SEED)
    chance, lives = np.random.default_rng(6), set()
    for _ in range(120):
        action = int(chance.integers(4))
        grey.send(action)
        coloured.send(action)
        one, other = grey.recv(), coloured.recv()
        assert one[1:] == other[1:]
        lives.add(one.lives)
    assert len(lives) > 1


def test_no_ops_are_none_to_the_most_that_are_allowed() -> None:
    console = raw("Enduro")  # whose picture changes in every frame
    looks = [console.reset(seed=SEED)[0], *(console.step(0)[0] for _ in range(4))]
    emulator = Emulator("enduro", replace(NATURE, noop_max=2), colour=True)
    begun = [emulator.begin(seed).observation[0] for seed in range(8)]
    frames = [[k for k, look in enumerate(looks) if np.array_equal(look, picture)] for picture in begun]
    assert sorted({k for ks in frames for k in ks}) == [0, 1, 2]
    assert all(len(ks) == 1 for ks in frames)


@pytest.mark.parametrize("fire", [False, True])
def test_fire_on_reset_starts_the_game(fire: bool) -> None:
    emulator = Emulator("breakout", replace(PLAIN, fire_on_reset=fire))
    assert emulator.begin(SEED).lives == 5
    for _ in range(60):
        emulator.send(0)
        moment = emulator.recv()
    assert moment.lives == (4 if fire else 5)


def test_fire_comes_before_the_no_ops_and_counts_as_one_of_them() -> None:
    console = raw("Enduro")
    console.reset(seed=SEED)
    looks = [console.step(1)[0], *(console.step(0)[0] for _ in range(4))]
    emulator = Emulator("enduro", replace(NATURE, noop_max=3, fire_on_reset=True), colour=True)
    begun = [emulator.begin(seed).observation[0] for seed in range(12)]
    frames = [[k for k, look in enumerate(looks) if np.array_equal(look, picture)] for picture in begun]
    assert sorted({k for ks in frames for k in ks}) == [0, 1, 2]
    assert all(len(ks) == 1 for ks in frames)


def test_actions_are_named_without_a_game_that_runs() -> None:
    for game, full in (("pong", False), ("breakout", False), ("breakout", True)):
        emulator = Emulator(game, replace(NATURE, full_action_space=full))
        assert action_meanings(game, full=full) == [each.name for each in emulator._vector.ale.get_action_set()]


def test_settings_of_the_protocol_reach_the_emulator() -> None:
    protocol = AtariProtocol(image_height=30, image_width=50, stack=2, full_action_space=True, max_frames=9)
    emulator = Emulator("pong", protocol)
    assert len(action_meanings("pong", full=True)) == 18
    assert emulator.begin(SEED).observation.shape == (2, 30, 50)
    emulator.send(17)
    assert not emulator.recv().truncated
    emulator.send(0)
    assert not emulator.recv().truncated
    emulator.send(0)
    assert emulator.recv()[2:4] == (False, True)  # 9 frames are 2 steps of 4 and one more


def test_games_go_by_several_names() -> None:
    for name in ("ms_pacman", "MsPacman", "mspacman", "ms-pacman", "Ms. Pacman", "ALE/MsPacman-v5", "MsPacman-v4"):
        assert game_named(name) == "ms_pacman"
    for name in ("PongNoFrameskip-v4", "PongDeterministic-v0"):
        assert game_named(name) == "pong"
    gym.register_envs(ale_py)
    registered = [name for name in gym.registry if name.startswith("ALE/")]
    assert sorted(game_named(name) for name in registered) == games()


def test_a_game_that_does_not_exist_is_told_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no Atari game 'Brekout'.*: 'breakout', "):
        game_named("Brekout")
    with pytest.raises(ValueError, match=r"ALE/Pomg-v5.*'pong'"):
        game_named("ALE/Pomg-v5")


def test_of_the_games_only_the_nearest_are_named() -> None:
    for name in ("Qqqq", "", "ms_packman"):
        with pytest.raises(ValueError, match="There is no Atari game") as told:
            game_named(name)
        named = set(re.findall(r"'(\w+)'", str(told.value))) - {name}
        assert len(named) == 3
        assert named <= set(games())


@pytest.mark.parametrize("name", ["combat", "Joust", "maze_craze", "ALE/MazeCraze-v5", "warlords"])
def test_a_game_for_two_is_told_as_such(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is for two players"):
        game_named(name)
