"""Simulators: stacked frames, actions there and back, and how they are looked at."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from agents.simulator import NothingToSee, for_simulator, from_simulator, make, picture


class Screen(gym.Env):
    """A screen of 3 x 2 pixels whose brightness is the number of steps taken, starting with 10."""

    observation_space = gym.spaces.Box(0, 255, (3, 2), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.count = 10
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.count += 1
        return self._observation(), 1.0, False, False, {}

    def _observation(self) -> np.ndarray:
        return np.full((3, 2), self.count, np.uint8)


class Colour(Screen):
    observation_space = gym.spaces.Box(0, 255, (3, 2, 3), np.uint8)

    def _observation(self) -> np.ndarray:
        return np.full((3, 2, 3), (self.count, 1, 2), np.uint8)


for entry in (Screen, Colour):
    gym.register(f"tests/{entry.__name__}-v0", entry_point=entry)


def test_a_stack_holds_the_newest_frames_with_the_newest_last_and_begins_with_zeros() -> None:
    simulator = make("tests/Screen-v0", {"stack": 3})
    assert simulator.observation_space.shape == (3, 3, 2)
    first, _ = simulator.reset(seed=1)
    assert first[:, 0, 0].tolist() == [0, 0, 10]
    assert (first == first[:, :1, :1]).all()
    second = simulator.step(0)[0]
    assert first[:, 0, 0].tolist() == [0, 0, 10], "what was given is not overwritten"
    assert second[:, 0, 0].tolist() == [0, 10, 11]
    assert [simulator.step(0)[0][:, 2, 1].tolist() for _ in range(2)] == [[10, 11, 12], [11, 12, 13]]
    assert simulator.reset(seed=1)[0][:, 0, 0].tolist() == [0, 0, 10], "no frame of the episode before"
    assert make("tests/Screen-v0", {"stack": 1}).observation_space.shape == (1, 3, 2)
    assert make("tests/Screen-v0", {}).observation_space.shape == (3, 2)


@pytest.mark.parametrize("stack", [0, -1, 2.0, "4", True])
def test_a_stack_of_no_whole_frames_is_refused(stack: Any) -> None:
    with pytest.raises(ValueError, match=r"stack is .* made of whole frames"):
        make("tests/Screen-v0", {"stack": stack})


def test_actions_cross_to_the_simulator_and_back() -> None:
    counted = gym.spaces.Discrete(3, start=5)
    assert for_simulator(np.array([2, 0]), counted) == [7, 5]
    assert from_simulator([7, 5], counted).tolist() == [2, 0]
    assert from_simulator([7, 5], counted).dtype == np.uint8
    assert from_simulator([299, 0], gym.spaces.Discrete(300)).dtype == np.uint16
    arrow = gym.spaces.Box(-1, 1, (2,), np.float32)
    there = for_simulator(np.array([[0.25, 1.0], [0.5, -1.0]]), arrow)
    assert [each.tolist() for each in there] == [[0.25, 1.0], [0.5, -1.0]]
    assert np.array_equal(from_simulator(there, arrow), np.array([[0.25, 1.0], [0.5, -1.0]], np.float32))
    assert from_simulator([], arrow).shape == (0, 2)


def test_a_simulator_that_draws_itself_is_seen_as_it_does() -> None:
    simulator = make("CartPole-v1", {"stack": 2}, render=True)
    observation, _ = simulator.reset(seed=0)
    assert picture("CartPole-v1", simulator, observation).shape == (400, 600, 3)


@pytest.mark.parametrize("settings", [{}, {"stack": 4}, {"stack": 1}])
def test_one_that_does_not_is_seen_by_its_newest_frame(settings: dict[str, int]) -> None:
    for name, expected in (("tests/Screen-v0", [11, 11, 11]), ("tests/Colour-v0", [11, 1, 2])):
        simulator = make(name, settings, render=True)
        simulator.reset(seed=0)
        frame = picture(name, simulator, simulator.step(0)[0])
        assert frame.shape == (3, 2, 3)
        assert frame.dtype == np.uint8
        assert (frame == expected).all()


class Screenless(Screen):
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode

    def render(self) -> Any:
        raise OSError("no OpenGL here")


class Blank(Screenless):
    def render(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Screenless, r"it failed to draw itself here, OSError\('no OpenGL here'\)"),
        (Blank, r"its render\(\) gave \[\] object, but a picture is \[H, W, 3\] uint8"),
    ],
)
def test_one_that_fails_to_draw_itself_has_no_picture(kind: type[gym.Env], why: str) -> None:
    gym.register("tests/Unseen-v0", entry_point=kind)
    simulator = make("tests/Unseen-v0", {}, render=True)
    observation, _ = simulator.reset(seed=0)
    with pytest.raises(NothingToSee, match=why):
        picture("tests/Unseen-v0", simulator, observation)
    del gym.registry["tests/Unseen-v0"]


def _needs_more(**settings: Any) -> gym.Env:
    raise gym.error.DependencyNotInstalled("install the physics")


def test_what_a_simulator_needs_is_told_without_other_names() -> None:
    gym.register("tests/Physics-v0", entry_point=_needs_more)
    with pytest.raises(ValueError, match=r"cannot make an environment 'tests/Physics-v0': install the physics\.$"):
        make("tests/Physics-v0", {})


def test_what_has_no_picture_is_told() -> None:
    simulator = make("CartPole-v1", {})
    observation, _ = simulator.reset(seed=0)
    with pytest.raises(NothingToSee, match=r"CartPole-v1 cannot be watched.*\[4\] float32, are no pictures"):
        picture("CartPole-v1", simulator, observation)
