"""Viewing: pictures of any size, films of recorded episodes, and recordings that the simulator does not make again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.environments import Environments, Finished, Replayed
from agents.simulator import NothingToSee
from agents.viewing import AnotherEpisode, scaled, watched
from lab.seeding import Seeds


class Leaner:
    """Values a lean to either side, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def values(self, observations: np.ndarray) -> np.ndarray:
        self.asked.append(len(observations))
        return observations[:, 2:3] * np.array([-1.0, 1.0])


def balanced(**settings: Any) -> tuple[Environments, Finished]:
    """An episode of at most 90 steps in which the cart follows the pole."""
    environments = Environments("CartPole-v1", 1, Seeds(0), settings={"max_episode_steps": 90} | settings, once=True)
    while not environments.resting.all():
        environments.step((environments.observations[:, 2] + environments.observations[:, 3] > 0).astype(np.int64))
    (finished,) = environments.take_finished()
    return environments, finished


def watch(environments: Environments, finished: Finished, agent: Any = None, **more: Any) -> Any:
    asked = agent or Leaner()
    return watched(
        environments, asked, finished.seed, finished.actions, finished.total_reward, **({"width": 300} | more)
    )


def test_a_larger_picture_has_squares_for_pixels() -> None:
    frame = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    twice = scaled(frame, 6)
    assert twice.shape == (4, 6, 3)
    assert np.array_equal(twice[::2, ::2], frame)
    assert np.array_equal(twice[1::2, 1::2], frame)
    assert np.array_equal(scaled(frame, 3), frame)


def test_a_larger_picture_is_of_any_width() -> None:
    frame = np.array([[0, 90]], np.uint8)[..., None].repeat(3, axis=-1)
    # Four columns of squares in three: the one between is half of either.
    assert scaled(frame, 3)[..., 0].tolist() == [[0, 45, 90], [0, 45, 90]]
    assert scaled(np.zeros((210, 160, 3), np.uint8), 400).shape == (525, 400, 3)


def test_a_smaller_picture_has_the_means_of_areas() -> None:
    frame = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.uint8)[..., None].repeat(3, axis=-1)
    assert scaled(frame, 2)[..., 0].tolist() == [[25, 45]]
    # Four columns in three: the middles 0.5, 1.5, 2.5, 3.5 lie in the areas that end at 4/3, 8/3 and 4.
    assert scaled(frame, 3)[..., 0].tolist() == [[0, 15, 30], [40, 55, 70]]
    assert scaled(frame, 1).shape == (1, 1, 3)


def test_a_film_shows_every_step_beside_the_values() -> None:
    environments, finished = balanced()
    agent = Leaner()
    clip = watch(environments, finished, agent)
    frames = list(clip.frames)
    assert len(clip.frames) == len(frames) == len(finished.actions) == 90
    assert sum(agent.asked) == 90
    assert max(agent.asked) > 1, "it is asked about many observations at once"
    assert {frame.shape for frame in frames} == {(274, 680, 3)}  # 600 x 400 pixels halved, and 380 for the panel
    assert clip.frames_per_second == 50
    assert clip.caption == "return 90 in 90 steps, 1 a frame"
    pictures = [
        moment.frame for moment in environments.replayed(finished.seed, finished.actions) if moment.frame is not None
    ]
    top = (274 - 200) // 2
    for step in (0, 50, 89):
        assert np.array_equal(frames[step][top : top + 200, :300], scaled(pictures[step], 300))
        assert (frames[step][:top, :300] == 255).all()
    assert np.array_equal(list(clip.frames), frames), "it can be gone through again"


def test_of_a_long_episode_one_of_every_so_many_steps_is_shown() -> None:
    environments, finished = balanced()
    clip, whole = watch(environments, finished, max_frames=40), watch(environments, finished)
    assert len(clip.frames) == len(list(clip.frames)) == 30
    assert (clip.frames_per_second, clip.caption) == (16, "return 90 in 90 steps, 3 a frame")
    assert np.array_equal(list(clip.frames), list(whole.frames)[::3])


def test_an_agent_without_values_is_watched_too() -> None:
    environments, finished = balanced(max_episode_steps=5)
    assert len(list(watch(environments, finished, object()).frames)) == 5


def test_continuous_actions_are_watched_too() -> None:
    environments = Environments("Pendulum-v1", 1, Seeds(0), settings={"max_episode_steps": 4}, once=True)
    for _ in range(4):
        environments.step(np.array([[0.5]]))
    (finished,) = environments.take_finished()
    assert len(list(watch(environments, finished, object()).frames)) == 4


class Otherwise:
    """Environments whose simulator is another than at the recording."""

    name, action_meanings, frames_per_second = "Otherwise", None, 30

    def __init__(self, rewards: list[float]):
        self.rewards = rewards

    def replayed(self, seed: int, actions: np.ndarray, *, picture_every: int = 1) -> Iterator[Replayed]:
        return (Replayed(np.zeros((4, 4, 3), np.uint8), np.zeros(4), reward) for reward in self.rewards)


@pytest.mark.parametrize("rewards", [[1.0, 2.0, 4.0], [1.0, 5.0], [1.0, 2.0, 3.0 + 2**-30]])
def test_a_simulator_that_does_otherwise_is_told(rewards: list[float]) -> None:
    finished = Finished(0, 0, 7, np.zeros(3, np.uint8), 6.0)
    assert len(watch(Otherwise([1.0, 2.0, 3.0]), finished).frames) == 3  # type: ignore[arg-type]
    with pytest.raises(AnotherEpisode, match=r"Otherwise: .* return of 6 in 3 steps, but its seed 7 .*another version"):
        watch(Otherwise(rewards), finished)  # type: ignore[arg-type]


def test_a_film_that_cannot_be_drawn_to_its_end_ends_early(caplog: pytest.LogCaptureFixture) -> None:
    class Torn(Otherwise):
        def replayed(self, seed: int, actions: np.ndarray, *, picture_every: int = 1) -> Iterator[Replayed]:
            for step, moment in enumerate(super().replayed(seed, actions)):
                if step == 2 and picture_every == 1:
                    raise NothingToSee("the window was closed")
                yield moment

    clip = watch(Torn([1.0, 2.0, 3.0]), Finished(0, 0, 7, np.zeros(3, np.uint8), 6.0))  # type: ignore[arg-type]
    assert len(list(clip.frames)) == 2
    assert "The film ends early: the window was closed" in caplog.text


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 pixels wide"):
        watch(Otherwise([1.0]), Finished(0, 0, 0, np.zeros(1), 1.0), width=0)  # type: ignore[arg-type]
