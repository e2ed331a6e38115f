"""The replay against a plain list, at the turn of the ring, with several environments."""

from __future__ import annotations

from collections import deque
from copy import deepcopy

import numpy as np
import pytest
import torch

from agents import replay as replay_module
from agents.agent import Transition
from agents.replay import Replay
from lab.seeding import Seeds


def transition(first: int, num: int) -> Transition:
    """Transitions numbered first, first + 1, ... in every field."""
    numbers = np.arange(first, first + num)
    observation = np.stack([numbers, -numbers], axis=1).astype(np.float32)
    return Transition(
        observation=observation,
        action=numbers % 3,
        reward=numbers.astype(np.float32) / 2,
        discount=(numbers % 2).astype(np.float32),
        next_observation=observation + 1,
        last=numbers % 5 == 0,
    )


def make(capacity: int, seed: int = 0) -> Replay:
    return Replay(capacity, (2,), np.dtype(np.float32), Seeds(seed).generator("replay"))


def held(replay: Replay, rows: torch.Tensor) -> torch.Tensor:
    """The numbers of the transitions in these rows, having checked that their fields belong together."""
    batch = replay.at(rows)
    numbers = batch.observation[..., 0]
    assert torch.equal(batch.observation[..., 1], -numbers)
    assert torch.equal(batch.next_observation[..., 0], numbers + 1)
    assert torch.equal(batch.action, numbers.long() % 3)
    assert torch.equal(batch.reward, numbers / 2)
    assert torch.equal(batch.discount, numbers % 2)
    return numbers.long()


@pytest.mark.parametrize("num", [1, 3, 7])
@pytest.mark.parametrize("capacity", [7, 20])
def test_holds_the_newest_like_a_deque(capacity: int, num: int) -> None:
    replay, oracle = make(capacity), deque[int](maxlen=capacity)
    for first in range(0, 60, num):
        replay.add(transition(first, num))
        oracle.extend(range(first, first + num))
        assert len(replay) == len(oracle)
        assert held(replay, replay.newest(capacity)).tolist() == list(oracle)
        assert held(replay, replay.newest(5)).tolist() == list(oracle)[-5:]
        drawn = held(replay, replay.draw(100).view(2, 50))
        assert drawn.shape == (2, 50)
        assert set(drawn.flatten().tolist()) <= set(oracle)


def test_a_copy_is_written_to_and_shares_nothing() -> None:
    replay = make(20)
    for first in range(0, 12, 3):
        replay.add(transition(first, 3))
    copied = deepcopy(replay)
    copied.add(transition(12, 3))
    assert held(copied, copied.newest(20)).tolist() == list(range(15))
    assert held(replay, replay.newest(20)).tolist() == list(range(12))
    assert torch.equal(replay.generator.get_state(), copied.generator.get_state())


def test_draws_uniformly() -> None:
    replay = make(10)
    for first in range(25):
        replay.add(transition(first, 1))
    counts = torch.bincount(held(replay, replay.draw(20_000)), minlength=25)
    assert counts[:15].sum() == 0
    # 20,000 draws of 10: mean 2,000, standard deviation 42
    assert (counts[15:] - 2_000).abs().max() < 5 * 42


def test_state_round_trip_goes_on_exactly_and_copies() -> None:
    straight, resumed = make(20), make(20, seed=9)
    for first in range(0, 33, 3):
        straight.add(transition(first, 3))
    straight.draw(4)
    state = deepcopy(straight.state_dict())
    resumed.load_state_dict(state)
    for first in range(33, 60, 3):
        for replay in (straight, resumed):
            replay.add(transition(first, 3))
        assert torch.equal(held(straight, straight.draw(10)), held(resumed, resumed.draw(10)))
    for field in state["rows"].values():
        field.zero_()
    assert torch.equal(held(straight, straight.newest(20)), held(resumed, resumed.newest(20)))


def test_state_holds_the_filled_rows_in_memory_order_without_copying() -> None:
    replay = make(10)
    replay.add(transition(0, 4))
    rows = replay.state_dict()["rows"]
    assert rows["observation"].shape == (4, 2)
    before = rows["observation"].clone()
    replay.add(transition(4, 4))
    after = replay.state_dict()["rows"]
    assert torch.equal(after["observation"][:4], before)  # appended, never moved
    assert after["observation"].data_ptr() == rows["observation"].data_ptr()
    replay.add(transition(8, 4))
    assert held(replay, replay.newest(10)).tolist() == list(range(2, 12))
    assert replay.state_dict()["rows"]["observation"][:, 0].tolist() == [10, 11, *range(2, 10)]


def test_another_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="ring of 10 transitions, but here it has 20"):
        make(20).load_state_dict(make(10).state_dict())


def test_more_environments_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="Set replay_capacity to 8"):
        make(7).add(transition(0, 8))


def test_a_replay_larger_than_memory_is_refused_with_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "free_memory", lambda device: 2**30)
    # 84 * 84 * 4 bytes an observation, two of them and 16: 56,464 bytes; 2**30 * 0.9 / 56,464 = 17,114
    with pytest.raises(ValueError, match=r"52\.6 GiB: 2 observations of 28,224 bytes.*1\.0 GiB free.*17,114 at most"):
        Replay(1_000_000, (4, 84, 84), np.dtype(np.uint8), Seeds(0).generator("replay"))


def test_free_memory_is_below_what_the_machine_has() -> None:
    assert 2**20 < replay_module.free_memory(torch.device("cpu")) < 2**50
