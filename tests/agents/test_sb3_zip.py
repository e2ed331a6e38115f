"""A zip of SB3: what is read from it, what is no such zip, and that no code in it is run."""

from __future__ import annotations

import base64
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3

from agents.sb3_zip import read_sb3_zip

IMAGES = (3, 40, 44)


class Pictures(gym.Env):
    """Random images, for SB3 to learn from."""

    observation_space = gym.spaces.Box(0, 255, IMAGES, np.uint8)
    action_space = gym.spaces.Discrete(3)

    def reset(self, **ignored: Any) -> tuple[np.ndarray, dict]:
        return self.observation_space.sample(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return self.observation_space.sample(), 1.0, False, False, {}


def theirs(policy: str = "MlpPolicy", env: Any = "CartPole-v1", steps: int = 60, **settings: Any) -> Any:
    known = {"learning_starts": 20, "buffer_size": 100, "target_update_interval": 16, "seed": 1, "device": "cpu"}
    model = stable_baselines3.DQN(policy, env, **known | settings)
    return model.learn(steps)


def saved(model: Any, folder: Path) -> Path:
    model.save(folder / "theirs.zip")
    return folder / "theirs.zip"


def altered(path: Path, **members: bytes | None) -> Path:
    """The zip with some of its members changed or, by None, left out."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("__", "."): value for name, value in members.items() if value is not None}
    other = path.with_name("altered.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name, value in content.items():
            if members.get(name.replace(".", "__"), b"") is not None:
                archive.writestr(name, value)
    return other


def with_data(path: Path, **settings: Any) -> Path:
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))
    return altered(path, data=json.dumps(data | settings).encode())


@pytest.fixture
def their_zip(tmp_path: Path) -> Path:
    return saved(theirs(steps=1), tmp_path)


def test_a_zip_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    path = saved(stable_baselines3.PPO("MlpPolicy", "CartPole-v1", device="cpu"), tmp_path)
    with pytest.raises(ValueError, match="is an agent of SB3's PPO, but only SB3's DQN"):
        read_sb3_zip(path)
    path = saved(stable_baselines3.SAC("MlpPolicy", "Pendulum-v1", device="cpu", buffer_size=1), tmp_path)
    with pytest.raises(ValueError, match=r"policies of stable_baselines3\.sac\.policies"):
        read_sb3_zip(path)


def test_what_is_no_zip_of_sb3_is_refused(tmp_path: Path, their_zip: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_text("weights")
    with pytest.raises(ValueError, match="is no zip"):
        read_sb3_zip(text)
    with pytest.raises(ValueError, match=r"is a zip without policy\.pth"):
        read_sb3_zip(altered(their_zip, policy__pth=None))
    for data in (b"{}", b"nothing", b"[]", b'{"policy_class": 1}'):
        with pytest.raises(ValueError, match="do not say which policy"):
            read_sb3_zip(altered(their_zip, data=data))
    with pytest.raises(ValueError, match=r"policy\.pth holds no weights"):
        read_sb3_zip(altered(their_zip, policy__pth=b"damaged"))
    with pytest.raises(FileNotFoundError):
        read_sb3_zip(tmp_path / "absent.zip")


@pytest.mark.parametrize("member", ["data", "policy.pth", "policy.optimizer.pth"])
def test_a_zip_with_a_wrong_checksum_is_told_as_damaged(member: str, their_zip: Path) -> None:
    content = bytearray(their_zip.read_bytes())
    with zipfile.ZipFile(their_zip) as archive:
        content[content.index(archive.read(member)) + 100] ^= 1
    their_zip.write_bytes(content)
    with pytest.raises(ValueError, match=rf"is damaged: Bad CRC-32 for file '{member}'"):
        read_sb3_zip(their_zip)


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (str(self.path), "w")


def test_code_in_a_zip_is_not_run(their_zip: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    bomb = pickle.dumps(Bomb(trap))
    packed = {":type:": "<class 'x'>", ":serialized:": base64.b64encode(bomb).decode()}
    path = with_data(their_zip, train_freq=packed, lr_schedule=packed, replay_buffer_class=packed, seed=packed)
    assert read_sb3_zip(path).train_freq() is None
    with pytest.raises(ValueError, match=r"policy\.pth holds no weights that can be read safely"):
        read_sb3_zip(altered(their_zip, policy__pth=bomb))
    assert not trap.exists()
    stable_baselines3.DQN.load(with_data(their_zip, start_time=packed), device="cpu")
    assert trap.exists(), "the trap works: SB3's own loader does run it"


@pytest.mark.parametrize(("given", "read"), [(7, 7), ((300, "step"), 300), ((70_000, "step"), 70_000)])
def test_the_training_frequency_is_read_without_unpickling(given: Any, read: int, tmp_path: Path) -> None:
    assert read_sb3_zip(saved(theirs(steps=1, train_freq=given), tmp_path)).train_freq() == read


def test_a_frequency_in_episodes_or_none_is_none(tmp_path: Path) -> None:
    path = saved(theirs(steps=1, train_freq=(7, "episode")), tmp_path)
    assert read_sb3_zip(path).train_freq() is None
    assert read_sb3_zip(with_data(path, train_freq=None)).train_freq() is None
    assert read_sb3_zip(with_data(path, train_freq=9)).train_freq() == 9


def test_settings_tensors_and_observations(their_zip: Path) -> None:
    read = read_sb3_zip(their_zip)
    assert read.number("learning_starts", 0) == 20
    assert read.number("policy_class", 3) == 3
    assert read.number("absent", 4) == 4
    assert read.observation_format() == ((4,), np.dtype(np.float32))
    assert list(read.policy)[:2] == ["q_net.q_net.0.weight", "q_net.q_net.0.bias"]
    assert read.optimizer["param_groups"][0]["lr"] == 1e-4
    assert read_sb3_zip(altered(their_zip, policy__optimizer__pth=None)).optimizer == {}


def test_observations_that_are_no_box_are_refused(their_zip: Path) -> None:
    space = {":type:": "<class 'gymnasium.spaces.discrete.Discrete'>", "n": "4"}
    with pytest.raises(ValueError, match=r"of the space <class 'gymnasium\.spaces\.discrete\.Discrete'>"):
        read_sb3_zip(with_data(their_zip, observation_space=space)).observation_format()
