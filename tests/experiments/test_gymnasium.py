"""dqn_gymnasium and sb3_ppo_gymnasium: any environment by its id, of one's own too, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.agents import dqn_gymnasium, sb3_ppo_gymnasium
from lab.cli import main
from lab.seeding import Seeds

OWN = """
import gymnasium as gym
import numpy as np


class Corridor(gym.Env):
    observation_space = gym.spaces.Box(0.0, 9.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return np.array([0.0], np.float32), {}

    def step(self, action):
        self.place = max(0, self.place + (1 if action == 1 else -1))
        return np.array([self.place], np.float32), -1.0, self.place == 9, False, {}


gym.register("Corridor-v0", Corridor, max_episode_steps=50)
"""


def test_an_environment_of_ones_own_is_known_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corridor_of_ones_own.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = replace(dqn_gymnasium.SMOKE, environment="corridor_of_ones_own:Corridor-v0")
    try:
        trial = dqn_gymnasium.build(config, Seeds(0))
    finally:
        sys.modules.pop("corridor_of_ones_own", None)
    with pytest.raises(ValueError, match=r"'corridor_of_ones_own:Coridor-v0'.*'Corridor-v0'"):
        dqn_gymnasium.build(replace(config, environment="corridor_of_ones_own:Coridor-v0"), Seeds(0))
    rows = [trial.step() for _ in range(400)]
    lengths = [row["length"] for row in rows if "length" in row]
    assert lengths
    assert 9 <= min(lengths) <= max(lengths) <= 50
    assert trial.environments.observation_shape == (1,)


@pytest.mark.parametrize("experiment", [dqn_gymnasium, sb3_ppo_gymnasium], ids=["dqn", "sb3_ppo"])
def test_a_mistyped_id_is_told_with_the_nearest(experiment: object) -> None:
    with pytest.raises(ValueError, match=r"cannot make an environment 'CartPoel-v1'.*'CartPole-v1'"):
        experiment.build(replace(experiment.SMOKE, environment="CartPoel-v1"), Seeds(0))  # type: ignore[attr-defined]


def test_a_module_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"No module named 'no_such_module'.* to \$PYTHONPATH"):
        dqn_gymnasium.build(replace(dqn_gymnasium.SMOKE, environment="no_such_module:Corridor-v0"), Seeds(0))


def test_an_atari_game_is_sent_where_it_has_a_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ALE/Pong-v5", "ale_py:ALE/Pong-v5"):
        assert main(["run", "dqn_gymnasium", "--environment", name]) == 2
        assert "Take dqn_atari --game ALE/Pong-v5, which has one." in " ".join(capsys.readouterr().err.split())


def test_a_dqn_wants_actions_that_can_be_counted() -> None:
    with pytest.raises(ValueError, match=r"Pendulum-v1 has the action space Box.*take another environment"):
        dqn_gymnasium.build(replace(dqn_gymnasium.SMOKE, environment="Pendulum-v1"), Seeds(0))
