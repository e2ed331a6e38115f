"""The replay against plain lists under random operations, and n-step returns by hand."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from agents import replay as replay_module
from agents.priorities import PrioritisedConfig
from agents.replay import Batch, Replay
from lab.checkpoint import Checkpoints, digest
from lab.seeding import Seeds
from tests.agents.naive_replay import Experience, NaiveReplay, Step
from tests.agents.replay_cases import DISCOUNT, make, steps_of


def check(batch: Batch, expected: list[Step]) -> None:
    """Everything that was handed out is what the plain lists hold."""
    assert len(batch.action) == len(expected)
    for i, step in enumerate(expected):
        assert np.array_equal(batch.observation[i].numpy(), step.observation)
        assert np.array_equal(batch.next_observation[i].numpy(), step.next_observation)
        assert batch.action[i] == step.action
    assert batch.action.dtype == torch.int64
    assert batch.reward.dtype == batch.discount.dtype == torch.float32
    np.testing.assert_allclose(batch.reward.numpy(), [step.reward for step in expected], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.discount.numpy(), [step.discount for step in expected], rtol=1e-6)


@pytest.fixture(params=["host", "device"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """On the host, and as on a device that numpy does not reach, played by the processor."""
    if request.param == "device":
        monkeypatch.setattr(replay_module, "_numpy_reaches", lambda device: False)
    return request.param


@pytest.mark.parametrize(
    ("num", "capacity", "stack", "steps", "noisy_start", "ends"),
    [
        (1, 40, 1, 1, False, 0.2),
        (1, 40, 4, 1, False, 0.2),
        (1, 23, 4, 3, True, 0.1),
        (1, 7, 4, 3, True, 0.3),  # the smallest that holds a transition at all
        (1, 50, 4, 1, True, 1.0),  # every episode has one step
        (2, 9, 1, 3, False, 0.5),  # a slot is left over
        (3, 100, 4, 3, False, 0.15),
        (5, 60, 1, 3, False, 0.0),  # no episode ever ends
        (5, 100, 2, 5, True, 0.2),  # returns longer than stacks and most episodes
    ],
)
def test_agrees_with_plain_lists_under_random_operations(
    num: int, capacity: int, stack: int, steps: int, noisy_start: bool, ends: float, place: str
) -> None:
    experience = Experience(num, seed=capacity, stack=stack, noisy_start=noisy_start, ends=ends)
    naive = NaiveReplay(capacity // num, stack, steps, DISCOUNT)
    mine = make(capacity, stack=stack, steps=steps)
    random, most = np.random.default_rng(0), 0
    for _ in range(5 * capacity):
        transition = next(experience)
        mine.add(transition)
        naive.add(transition)
        expected = naive.drawable()
        most = max(most, len(expected))
        assert len(mine) == len(expected)
        if random.random() < 0.3:
            check(mine.at(mine.newest(capacity)), expected)
            few = int(random.integers(1, 6))
            check(mine.at(mine.newest(few)), expected[-few:])
        if expected and random.random() < 0.3:
            every = dict(zip(mine.newest(capacity).tolist(), expected, strict=True))
            rows = mine.draw(12)
            check(mine.at(rows), [every[row] for row in rows.tolist()])
        if random.random() < 0.1:
            mine = resumed(mine)
    assert most > 0


def resumed(straight: Replay) -> Replay:
    """Another replay that took up the state, which itself is wiped out afterwards."""
    other = make(straight.capacity, stack=straight.stack, steps=straight.steps, seed=9)
    state = deepcopy(straight.state_dict())
    other.load_state_dict(state)
    assert digest(other.state_dict()) == digest(straight.state_dict())
    state["frames"].tensor.zero_()
    if state["lanes"] is not None:
        state["lanes"]["code"].zero_()
        state["lanes"]["heads"].clear()
    return other


def test_goes_on_exactly_from_a_state(place: str) -> None:
    experience, straight = Experience(2, seed=0, stack=3), make(80, stack=3, steps=2)
    for _ in range(50):
        straight.add(next(experience))
    straight.draw(4)
    other = resumed(straight)
    for _ in range(60):
        transition = next(experience)
        for replay in (straight, other):
            replay.add(transition)
        rows = straight.draw(10)
        assert torch.equal(rows, other.draw(10))
        assert all(map(torch.equal, straight.at(rows), other.at(rows)))
    assert digest(straight.state_dict()) == digest(other.state_dict())


def test_an_empty_replay_has_a_state() -> None:
    other = resumed(make(20))
    assert len(other) == 0
    assert other.newest(3).shape == (0,)
    other.add(next(Experience(2, seed=0)))
    assert len(other) == 2


def test_every_frame_is_told_to_the_checkpoint(tmp_path: Path, place: str) -> None:
    """Pieces of the frames are saved only if the replay says that it wrote to them."""
    kwargs: dict[str, Any] = {"stack": 2, "frame_shape": (84, 84)}
    experience, checkpoints = Experience(2, seed=0, **kwargs), Checkpoints(tmp_path)
    mine, other = (Replay(600, (2, 84, 84), np.uint8, 5, Seeds(0), stack=2) for _ in range(2))
    for step in range(400):  # 4.2 MB in 5 pieces, once round and more
        mine.add(next(experience))
        if step % 57 == 0:
            checkpoints.save(step, mine.state_dict())
            other.load_state_dict(checkpoints.newest().state)
            assert torch.equal(other.frames.tensor, mine.frames.tensor)


def test_saving_costs_what_was_added_and_not_what_is_held(place: str) -> None:
    experience = Experience(2, seed=0, stack=2, frame_shape=(84, 84))
    mine = Replay(2_400, (2, 84, 84), np.uint8, 5, Seeds(0), stack=2)
    for _ in range(1_300):
        mine.add(next(experience))
    names = mine.frames.names()
    assert len(names) == 17, "16.9 MB in pieces of a MiB"
    for index in range(17):
        mine.frames.remember(index, f"piece {index}")
    for _ in range(10):
        mine.add(next(experience))
    assert mine.frames.names().count(None) in (2, 3, 4), "where the two environments write, at a border in two of them"


def test_a_copy_is_written_to_and_shares_nothing(place: str) -> None:
    experience, mine = Experience(3, seed=0), make(60)
    for _ in range(10):
        mine.add(next(experience))
    before = digest(mine.state_dict())
    copied = deepcopy(mine)
    naive = NaiveReplay(20, 1, 1, DISCOUNT)
    experience = Experience(3, seed=0)
    for i in range(30):
        naive.add(transition := next(experience))
        if i >= 10:
            copied.add(transition)
    copied.draw(5)
    check(copied.at(copied.newest(60)), naive.drawable())
    assert digest(mine.state_dict()) == before


# ---- n-step returns by hand ----------------------------------------------------------------------------------------


def returns_of(replay: Replay) -> list[tuple[float, float, int]]:
    """(reward, discount, frame of the next observation) of every transition, from old to new."""
    batch = replay.at(replay.newest(100))
    columns = (batch.reward, batch.discount, batch.next_observation[:, 0, 0])
    return [(round(r, 4), round(d, 4), n) for r, d, n in zip(*(column.tolist() for column in columns))]


def test_returns_stop_at_the_time_limit_and_bootstrap_from_where_it_was() -> None:
    replay = make(100, steps=3)
    for transition in steps_of([(1, 1, False), (2, 1, False), (4, 1, False), (8, 1, True)]):
        replay.add(transition)
    # 1 + 0.9 * 2 + 0.81 * 4 = 6.04 and 2 + 3.6 + 6.48 = 12.08, behind three steps 0.729; then two steps and one
    expected = [(6.04, 0.729, 3), (12.08, 0.729, 103), (11.2, 0.81, 103), (8.0, 0.9, 103)]
    assert returns_of(replay) == expected


def test_behind_a_termination_nothing_counts() -> None:
    replay = make(100, steps=3)
    for transition in steps_of([(1, 1, False), (2, 1, False), (4, 0, True), (8, 1, False), (16, 1, True)]):
        replay.add(transition)
    expected = [(6.04, 0.0, 102), (5.6, 0.0, 102), (4.0, 0.0, 102), (22.4, 0.81, 104), (16.0, 0.9, 104)]
    assert returns_of(replay) == expected


def test_behind_a_lost_life_nothing_counts_though_the_episode_goes_on() -> None:
    replay = make(100, steps=3)
    for transition in steps_of([(1, 1, False), (2, 0, False), (4, 1, False), (8, 1, False), (16, 1, True)]):
        replay.add(transition)
    values = [(reward, discount) for reward, discount, _ in returns_of(replay)]
    assert values == [(2.8, 0.0), (2.0, 0.0), (24.16, 0.729), (22.4, 0.81), (16.0, 0.9)]  # 4 + 7.2 + 12.96 = 24.16


def test_a_return_is_drawn_as_soon_as_it_is_whole_and_no_sooner() -> None:
    replay, sizes = make(100, steps=3), []
    for transition in steps_of([(1, 1, i in (3, 4)) for i in range(9)]):
        replay.add(transition)
        sizes.append(len(replay))
    assert sizes == [0, 0, 1, 4, 5, 5, 5, 6, 7]


def test_an_infinite_reward_does_not_reach_the_episodes_before() -> None:
    replay = make(100, steps=3)
    for transition in steps_of([(1, 1, True), (np.inf, 1, False), (1, 1, True)]):
        replay.add(transition)
    assert returns_of(replay)[0] == (1.0, 0.9, 100)


# ---- drawing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num", "steps"), [(1, 1), (3, 3)])
@pytest.mark.parametrize("rounds", [10, 200])  # while the ring fills, and after
def test_draws_uniformly(num: int, steps: int, rounds: int) -> None:
    experience, mine = Experience(num, seed=1, stack=3, ends=0.3), make(60 * num, stack=3, steps=steps)
    for _ in range(rounds):
        mine.add(next(experience))
    each = 2_000
    counts = torch.bincount(mine.draw(each * len(mine)), minlength=mine.capacity)
    drawn = counts[mine.newest(mine.capacity)]
    assert drawn.sum() == counts.sum()
    assert (drawn - each).abs().max() < 5 * each**0.5


def test_the_shape_of_rows_is_the_shape_of_the_batch() -> None:
    experience, mine = Experience(2, seed=0, stack=3), make(80, stack=3)
    for _ in range(30):
        mine.add(next(experience))
    rows = mine.draw(12)
    shaped, flat = mine.at(rows.view(3, 4)), mine.at(rows)
    assert [tuple(field.shape) for field in shaped] == [(3, 4, 3, 2, 2), (3, 4), (3, 4), (3, 4), (3, 4, 3, 2, 2)]
    assert all(torch.equal(a.flatten(0, 1), b) for a, b in zip(shaped, flat))


def test_frames_that_two_observations_share_are_gathered_once() -> None:
    experience, mine = Experience(1, seed=0, stack=3), make(80, stack=3)
    for _ in range(30):
        mine.add(next(experience))
    batch = mine.at(mine.draw(8))
    assert batch.observation[:, 1:].data_ptr() == batch.next_observation.data_ptr()
    assert batch.observation.untyped_storage().nbytes() == 8 * 4 * 2 * 2


class Waiting(TorchDispatchMode):
    """Refuses what would make the host wait for a device."""

    waits = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal", "_assert_async")

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        assert not name.startswith(self.waits), f"{name} waits for the device"
        assert name != "index" or not any(i is not None and i.dtype == torch.bool for i in args[1]), "a mask waits"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("priorities", [None, PrioritisedConfig()])
@pytest.mark.parametrize(("stack", "steps"), [(1, 1), (4, 1), (4, 3)])
def test_nothing_waits_for_a_device(
    stack: int, steps: int, priorities: PrioritisedConfig | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "_numpy_reaches", lambda device: False)
    experience = Experience(2, seed=0, stack=stack)
    mine = make(60, stack=stack, steps=steps, priorities=priorities)
    with Waiting():
        with pytest.raises(AssertionError, match="waits for the device"):
            torch.ones(1).item()
        for _ in range(50):
            mine.add(next(experience))
        for _ in range(5):
            rows = mine.draw(6)
            batch = mine.at(rows)
            if priorities is not None:
                mine.weights(rows, 0.5)
                mine.prioritise(rows, batch.reward)
            mine.add(next(experience))


# ---- what it keeps and what it refuses -----------------------------------------------------------------------------


def test_a_slot_is_a_frame_and_two_bytes() -> None:
    """Of SB3's 56,468 bytes a transition an eighth is 7,058.5; a million take 7.058e9, below 7.3e9."""
    mine = Replay(100, (4, 84, 84), np.uint8, 18, Seeds(0), stack=4, reward_dtype=np.int8)
    mine.add(next(Experience(1, seed=0, stack=4, frame_shape=(84, 84), rewards=range(-1, 2))))
    lanes = mine.state_dict()["lanes"]
    assert mine.frames.nbytes + lanes["code"].nbytes + lanes["reward"].nbytes == 100 * 7_058


@pytest.mark.parametrize("num_actions", [127, 128, 1_000])
def test_many_actions_are_told_apart(num_actions: int) -> None:
    experience, mine = Experience(2, seed=0, num_actions=num_actions), None
    mine = Replay(200, (2, 2), np.uint8, num_actions, Seeds(0))
    naive = NaiveReplay(100, 1, 1, 0.99)
    for i in range(60):
        transition = next(experience)
        if i % 2:
            transition = replace(transition, action=np.full(2, num_actions - 1))
        mine.add(transition)
        naive.add(transition)
    check(mine.at(mine.newest(200)), naive.drawable())


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_whole_rewards_are_kept_in_few_bytes(dtype: type) -> None:
    ends = np.iinfo(dtype)
    kept = [ends.min, ends.max if dtype != np.int32 else 2**31 - 128, 0, -1]  # what float32 can tell apart
    mine = make(20, reward_dtype=dtype)
    for transition in steps_of([(reward, 1, False) for reward in kept]):
        mine.add(transition)
    assert mine.at(mine.newest(20)).reward.tolist() == kept
