"""Where episodes lie in their lanes, slot by slot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.lanes import Coding, Lanes
from lab.seeding import Seeds


def make(num: int, length: int, stack: int = 1, steps: int = 1, watch: bool = False) -> Lanes:
    return Lanes(num, length, stack, steps, Coding(5), np.dtype(np.float32), watch)


def act(lanes: Lanes, action: int, last: bool = False) -> tuple[list[int], list[int]]:
    """One action in every lane; the slots of a beginning and of what followed."""
    begun = lanes.begin() if lanes.resting else []
    codes = Coding(5).of([action] * lanes.num, [1.0] * lanes.num)
    return begun, lanes.step(codes, [0.0] * lanes.num, [last] * lanes.num)


@pytest.mark.parametrize(("num_actions", "dtype"), [(1, np.uint8), (127, np.uint8), (128, np.int32), (10**6, np.int32)])
def test_codes_give_back_what_went_in(num_actions: int, dtype: type) -> None:
    coding = Coding(num_actions)
    assert coding.dtype == dtype
    actions, discounts = [0, num_actions - 1, 0, num_actions - 1], [1.0, 1.0, 0.0, 0.0]
    codes = torch.from_numpy(np.array(coding.of(actions, discounts), coding.dtype))
    assert (codes > 0).all()
    assert coding.action(codes).tolist() == actions
    assert coding.goes_on(codes).tolist() == [True, True, False, False]


def test_an_episode_lies_as_its_first_stack_and_a_slot_a_step() -> None:
    lanes = make(2, 10, stack=3)
    assert act(lanes, 1) == ([0, 1, 2, 10, 11, 12], [3, 13])  # the first frames of both lanes, then what followed
    assert act(lanes, 2, last=True) == ([], [4, 14])
    assert act(lanes, 3) == ([5, 6, 7, 15, 16, 17], [8, 18])
    # codes are 1 + action; leads, ends and heads have none
    assert lanes.code.tolist() == [0, 0, 2, 3, 0, 0, 0, 4, 0, 0] * 2
    assert lanes.size == 6
    assert lanes.newest(3).tolist() == [13, 7, 17]


def test_a_step_is_given_up_with_the_first_frame_of_its_stack() -> None:
    lanes = make(1, 6, stack=3)
    for action in range(4):
        act(lanes, action)  # frames in 0 to 5 and then over 0, which the first stack begins with
    assert lanes.heads == [0]
    assert lanes.code.tolist() == [0, 0, 0, 2, 3, 4]
    act(lanes, 4)
    assert lanes.code.tolist() == [5, 0, 0, 0, 3, 4]
    assert lanes.size == 3


def test_what_changed_is_listed_when_it_is_watched() -> None:
    lanes, unwatched = make(1, 5, steps=2, watch=True), make(1, 5, steps=2)
    seen = []
    for action in range(5):
        act(lanes, action)
        act(unwatched, action)
        seen.append(sorted(set(lanes.changed)))
        lanes.changed.clear()
    # The row with the action, and, from the second step on, the one before, whose return is whole by it. The fifth
    # step's frame lies in slot 0 again.
    assert seen == [[0], [0, 1], [1, 2], [2, 3], [0, 3, 4]]
    assert unwatched.changed == []


def test_returns_are_whole_at_the_end_of_an_episode() -> None:
    lanes = make(1, 20, steps=3)
    for last in (False, False, False, True, False):
        act(lanes, 0, last=last)
    assert lanes.valid(np.arange(20)).nonzero()[0].tolist() == [0, 1, 2, 3]  # slot 5 waits, slot 4 is the end
    act(lanes, 0)
    act(lanes, 0)
    assert lanes.valid(np.arange(20)).nonzero()[0].tolist() == [0, 1, 2, 3, 5]


def test_what_lies_between_episodes_is_not_drawn() -> None:
    lanes = make(3, 40, stack=4, steps=2)
    for i in range(30):
        act(lanes, 0, last=i % 2 == 0)
    drawn = lanes.draw(1_000, Seeds(0).generator("draws"))
    assert len(drawn) == 1_000
    assert set(drawn.tolist()) == set(lanes.newest(1_000).tolist()) == set(lanes.valid(np.arange(120)).nonzero()[0])


def test_the_newest_steps_of_lanes_that_fill_unevenly_are_in_order() -> None:
    """Short episodes take more slots a step, so that the same slots reach back less far in one lane than in another."""
    lanes = make(2, 200, stack=4)
    order = []
    for i in range(35):
        lanes.begin()
        order += lanes.heads
        lanes.step([1, 1], [0.0, 0.0], [False, i % 30 > 3])
    for count in range(1, 71):
        assert lanes.newest(count).tolist() == order[-count:]
