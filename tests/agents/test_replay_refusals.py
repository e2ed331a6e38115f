"""What a replay refuses: transitions, settings and states that do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from agents import memory
from agents.agent import Transition
from agents.replay import Replay
from lab.checkpoint import digest
from lab.seeding import Seeds
from tests.agents.naive_replay import Experience
from tests.agents.replay_cases import make, steps_of


@pytest.mark.parametrize("reward", [128.0, -129.0, 0.5, 256.0, 3e9, np.nan, np.inf])
def test_a_reward_that_would_change_is_refused(reward: float) -> None:
    mine = make(20, reward_dtype=np.int8)
    with pytest.raises(ValueError, match=r"are not all int8 numbers.*wider reward_dtype"):
        mine.add(steps_of([(reward, 1, False)])[0])
    assert len(mine) == 0


def good() -> Transition:
    return next(Experience(2, seed=0, stack=3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda t: replace(t, observation=t.observation[:, 1:]),
            r"observation is \[2, 2, 2, 2\].*2 observations \[3, 2",
        ),
        (lambda t: replace(t, next_observation=t.observation[:1]), r"next_observation is \[1, 3, 2, 2\]"),
        (lambda t: replace(t, observation=t.observation.astype(np.float32)), "of float32.*of uint8"),
        (lambda t: replace(t, action=np.array([0, 5])), r"actions \[0, 5\] are not all in \[0, 5\)"),
        (lambda t: replace(t, action=np.array([-1, 0])), r"actions \[-1, 0\] are not all in"),
        (
            lambda t: replace(t, action=np.zeros((2, 1), np.int64)),
            r"action, reward, discount and last are \[2, 1\], \[2\]",
        ),
        (lambda t: replace(t, last=np.array([True])), r"\[2\], \[1\], but each is one number"),
        (lambda t: replace(t, discount=np.array([1, 0.99], np.float32)), "not all 0 .terminated. or 1"),
        (lambda t: next(Experience(3, seed=0, stack=3)), "began with 2 environments.*is of 3"),
        (lambda t: t, "elsewhere than its transition before had led"),
    ],
    ids=lambda value: "" if callable(value) else None,
)
def test_a_wrong_transition_is_refused_and_leaves_no_trace(wrong: Any, message: str) -> None:
    experience, mine = Experience(2, seed=1, stack=3, ends=0.0), make(60, stack=3)
    for _ in range(5):
        mine.add(next(experience))
    before, following = digest(mine.state_dict()), next(experience)
    with pytest.raises(ValueError, match=message):
        mine.add(wrong(good() if message.startswith("elsewhere") else following))
    assert digest(mine.state_dict()) == before
    mine.add(following)


def test_one_environment_that_lost_its_thread_is_found_beside_one_that_begins() -> None:
    experience, mine = Experience(2, seed=1, ends=0.0), make(60)
    first, second = next(experience), next(experience)
    mine.add(replace(first, last=np.array([True, False])))
    with pytest.raises(ValueError, match="set `last` where an episode was broken off"):
        mine.add(replace(second, observation=second.observation + np.uint8([[[0]], [[1]]])))
    mine.add(replace(second, observation=second.observation + np.uint8([[[1]], [[0]]])))


def test_an_environment_may_use_its_arrays_again() -> None:
    experience, mine = Experience(2, seed=1, ends=0.0), make(60)
    for _ in range(5):
        transition = next(experience)
        mine.add(transition)
        transition.observation[:] = transition.next_observation[:] = 0
    assert mine.at(mine.newest(10)).next_observation.all()


def test_drawing_from_nothing_is_refused() -> None:
    mine = make(60, steps=3)
    with pytest.raises(ValueError, match="no transition with a whole return yet"):
        mine.draw(1)
    mine.add(steps_of([(1, 1, False)])[0])
    with pytest.raises(ValueError, match="no transition with a whole return yet"):
        mine.draw(1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"capacity": 6, "stack": 4, "steps": 3},
            r"1 environments 6, but one transition takes 7 .*Set replay_capacity to 7",
        ),
        ({"capacity": 0}, "Set replay_capacity to 2"),
        ({"capacity": 50, "steps": 0}, "steps 0"),
        ({"capacity": 50, "stack": 0}, "stack is 0"),
        ({"capacity": 50, "reward_dtype": np.float16}, "reward_dtype is float16"),
    ],
)
def test_settings_that_make_no_replay_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_observations_that_are_no_stacks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[84, 84, 4\] are no stacks of 4 frames"):
        Replay(100, (84, 84, 4), np.uint8, 5, Seeds(0), stack=4)


def test_too_many_environments_for_the_capacity_are_refused() -> None:
    with pytest.raises(ValueError, match=r"20 slots leaves each of 5 environments 4.*Set replay_capacity to 25"):
        make(20, stack=4).add(next(Experience(5, seed=0, stack=4)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"capacity": 40}, "capacity 60, but here it is 40"),
        ({"capacity": 60, "stack": 2}, "stack 3"),
        ({"capacity": 60, "steps": 2}, "has steps 1, but here it is 2.*Go on with the n_step"),
        ({"capacity": 60, "reward_dtype": np.int8}, "has reward_dtype float32, but here it is int8.*reward_clip"),
    ],
)
def test_a_state_of_another_layout_is_refused(other: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**({"stack": 3} | other)).load_state_dict(make(60, stack=3).state_dict())


def test_a_replay_larger_than_memory_is_refused_with_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 2**30)
    # a frame of 84 * 84 bytes, a code of 1 and a reward of 4: 7,061; 2**30 * 0.9 / 7,061 = 136,859.9
    with pytest.raises(
        ValueError, match=r"6\.6 GiB on cpu: a frame of 7,056 bytes and 5 more.*1\.0 GiB free.*136,859 at most"
    ):
        Replay(1_000_000, (4, 84, 84), np.uint8, 18, Seeds(0), stack=4)


def test_priorities_need_a_replay_that_has_them() -> None:
    mine = make(60)
    for ask in (lambda: mine.weights(torch.zeros(1), 0.5), lambda: mine.prioritise(torch.zeros(1), torch.zeros(1))):
        with pytest.raises(ValueError, match="draws uniformly, without priorities"):
            ask()
