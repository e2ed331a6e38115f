"""Observations gathered by a given player: in which order, by whose actions, and the same again."""

from __future__ import annotations

import numpy as np
import pytest

from agents.bricks import BALL, BRICK, chase
from agents.environments import Environments
from agents.gathering import gathered
from lab.seeding import Seeds

STAY, LEFT, RIGHT = 0, 1, 2


def games(num: int = 3, seed: int = 0) -> Environments:
    return Environments("lab/Bricks-v0", num, Seeds(seed), settings={"stack": 4})


def stays(screens: np.ndarray) -> np.ndarray:
    return np.full(len(screens), STAY)


def test_it_is_what_the_player_meets_from_the_first_observation_on() -> None:
    met, environments, asked = gathered(games(), 8, stays, Seeds(1)), games(), []
    for _ in range(3):
        asked.append(environments.observations.copy())
        environments.step(stays(environments.observations))
    np.testing.assert_array_equal(met, np.concatenate(asked)[:8])
    assert met.dtype == np.uint8


def test_the_same_seeds_gather_the_same_and_others_another() -> None:
    met = gathered(games(), 300, chase, Seeds(1), random=0.5)
    np.testing.assert_array_equal(met, gathered(games(), 300, chase, Seeds(1), random=0.5))
    assert not np.array_equal(met, gathered(games(), 300, chase, Seeds(2), random=0.5))
    assert not np.array_equal(met, gathered(games(seed=1), 300, chase, Seeds(1), random=0.5))


@pytest.mark.parametrize("random", [0.0, 0.3, 1.0])
def test_so_many_actions_are_by_chance(random: float, monkeypatch: pytest.MonkeyPatch) -> None:
    environments, given = games(), []
    step = environments.step
    monkeypatch.setattr(environments, "step", lambda actions: (given.append(actions), step(actions))[1])
    gathered(environments, 3_000, stays, Seeds(0), random=random)
    shares = [np.mean(np.concatenate(given) == action) for action in (STAY, LEFT, RIGHT)]
    assert shares == pytest.approx([1 - random * 2 / 3, random / 3, random / 3], abs=0.03)


def test_a_player_that_chases_the_ball_gathers_walls_of_all_heights() -> None:
    met = gathered(games(), 3_000, chase, Seeds(1), random=0.05)
    bricks = (met[:, -1] == BRICK).sum((1, 2))
    assert {len(frames) for frames in met} == {4}
    assert ((met[:, -1] == BALL).sum((1, 2)) == 1).all()
    assert bricks.max() == 30
    assert np.percentile(bricks, 5) < 20
