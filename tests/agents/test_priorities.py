"""Priorities and importance weights by hand, how draws are spread, and a prioritised replay against plain numbers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from agents import replay as replay_module
from agents.priorities import Priorities, PrioritisedConfig
from agents.replay import Replay
from lab.checkpoint import digest
from lab.schedules import by_hand, constant, linear
from lab.seeding import Seeds
from tests.agents.naive_replay import Experience, NaiveReplay

ROWS = torch.arange(4)


def make(errors: list[float], **settings: Any) -> Priorities:
    """With as many rows as errors, all of which can be drawn."""
    priorities = Priorities(PrioritisedConfig(**settings), len(errors), Seeds(0).generator("draws"))
    rows = torch.arange(len(errors))
    priorities.renew(rows, torch.ones(len(errors), dtype=torch.bool))
    priorities.prioritise(rows, torch.tensor(errors))
    return priorities


def test_a_priority_is_a_power_of_the_size_of_the_error() -> None:
    priorities = make([1, -4, 0, 9], exponent=0.5, epsilon=0.01)
    expected = [1.01**0.5, 4.01**0.5, 0.1, 9.01**0.5]
    assert priorities.tree.at(ROWS).tolist() == pytest.approx(expected)
    assert make([1, -4, 0, 9], exponent=0.0).tree.at(ROWS).tolist() == [1, 1, 1, 1]


def test_weights_undo_the_drawing_and_the_largest_is_one() -> None:
    priorities = make([1, 2, 3, 4], exponent=1.0, epsilon=1e-12)  # shares 0.1, 0.2, 0.3, 0.4 of N = 4
    plain = np.array([4 * 0.1, 4 * 0.2, 4 * 0.3, 4 * 0.4])
    for exponent in (0.0, 0.4, 1.0):
        expected = plain**-exponent / (plain**-exponent).max()
        np.testing.assert_allclose(priorities.weights(ROWS, exponent), expected, rtol=1e-6)
    batches = torch.tensor([[0, 1], [2, 3]])  # each batch is scaled by its own largest
    np.testing.assert_allclose(priorities.weights(batches, 1.0), [[1, 1 / 2], [1, 3 / 4]], rtol=1e-6)


def test_draws_in_proportion_to_the_priority() -> None:
    priorities = make([1, 2, 0, 4], exponent=1.0, epsilon=1e-12)
    counts = torch.bincount(torch.cat([priorities.draw(7) for _ in range(1_000)]), minlength=4)
    assert counts.tolist() == [1_000, 2_000, 0, 4_000]  # seven equal parts: so many lie in each row


def test_a_draw_takes_one_of_each_part_in_random_order() -> None:
    priorities = make([1.0] * 64, exponent=1.0)
    drawn = priorities.draw(64)
    assert sorted(drawn.tolist()) == list(range(64))
    halves = torch.stack([priorities.draw(64)[:32].double().mean() for _ in range(200)])
    # Half of 0 to 63, drawn without replacement: mean 31.5, deviation 18.5 / sqrt(32) * sqrt(32 / 63) = 2.33
    assert abs(halves.mean().item() - 31.5) < 5 * 2.33 / 200**0.5
    assert 1.5 < halves.std().item() < 3.2


def test_new_rows_begin_with_the_largest_priority_so_far() -> None:
    priorities = Priorities(PrioritisedConfig(exponent=1.0, epsilon=1e-12), 4, Seeds(0).generator("draws"))
    yes = torch.tensor([True])
    priorities.renew(torch.tensor([0]), yes)
    assert priorities.tree.at(ROWS).tolist() == [1, 0, 0, 0]
    priorities.prioritise(torch.tensor([0]), torch.tensor([5.0]))
    priorities.prioritise(torch.tensor([0]), torch.tensor([2.0]))
    priorities.renew(torch.tensor([1, 2]), torch.tensor([True, False]))
    assert priorities.tree.at(ROWS).tolist() == [2, 5, 0, 0]


def test_a_row_that_was_given_up_stays_so() -> None:
    priorities = make([1, 2, 3, 4], exponent=1.0)
    priorities.renew(torch.tensor([1]), torch.tensor([False]))
    priorities.prioritise(ROWS, torch.tensor([1.0, 100.0, 1.0, 1.0]))
    assert priorities.tree.at(ROWS)[1] == 0
    assert priorities.largest == pytest.approx(4)
    assert 1 not in priorities.draw(1_000)


def test_a_row_that_came_twice_gets_the_larger_priority() -> None:
    priorities = make([1, 2, 3, 4], exponent=1.0, epsilon=1e-12)
    priorities.prioritise(torch.tensor([[2, 0], [2, 2]]), torch.tensor([[1.0, 9.0], [-6.0, 5.0]]))
    assert priorities.tree.at(ROWS).tolist() == [9, 2, 6, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exponent": -0.1}, "priorities.exponent is -0.1"),
        ({"exponent": 1.1}, "priorities.exponent is 1.1"),
        ({"epsilon": 0.0}, "priorities.epsilon is 0.0"),
        ({"epsilon": float("nan")}, "priorities.epsilon is nan"),
        ({"importance": constant(1.5)}, "priorities.importance is 1.5 at step 0"),
        ({"importance": linear(0.4, 2.0, 10)}, "priorities.importance is 2.0 at step 10"),
        ({"importance": by_hand((0, 0.4), (7, -1.0))}, "priorities.importance is -1.0 at step 7"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrioritisedConfig(**settings)


# ---- in a replay ---------------------------------------------------------------------------------------------------


def replay(stack: int, steps: int, capacity: int, seed: int = 0) -> Replay:
    shape = (2, 2) if stack == 1 else (stack, 2, 2)
    config = PrioritisedConfig(exponent=0.5, epsilon=1e-6)
    return Replay(capacity, shape, np.uint8, 5, Seeds(seed), stack=stack, steps=steps, priorities=config)


def priority(error: float) -> float:
    return (abs(error) + 1e-6) ** 0.5


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize(("num", "stack", "steps"), [(1, 1, 1), (3, 4, 3), (2, 1, 5)])
def test_priorities_follow_the_transitions_under_random_operations(
    num: int, stack: int, steps: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "device":
        monkeypatch.setattr(replay_module, "_numpy_reaches", lambda device: False)
    mine, naive = replay(stack, steps, 40 * num), NaiveReplay(40, stack, steps, 0.99)
    experience, random = Experience(num, seed=0, stack=stack), np.random.default_rng(1)
    known: dict[tuple[int, int], float] = {}  # (time, environment) -> priority
    largest = 1.0

    def add() -> dict[int, tuple[int, int]]:
        """One transition for both; which one each row holds since."""
        transition = next(experience)
        mine.add(transition)
        naive.add(transition)
        names = [(step.time, step.environment) for step in naive.drawable()]
        for name in set(known) - set(names):
            del known[name]
        for name in names:
            known.setdefault(name, largest)
        return dict(zip(mine.newest(mine.capacity).tolist(), names, strict=True))

    for _ in range(150):
        held = add()
        if held and random.random() < 0.4:
            rows = mine.draw(9)
            errors = {row: float(np.float32(random.normal() * 10 ** random.uniform(-3, 2))) for row in rows.tolist()}
            chosen = [known[held[row]] for row in rows.tolist()]
            expected = (np.array(chosen) / min(chosen)) ** -0.4
            np.testing.assert_allclose(mine.weights(rows, 0.4), expected, rtol=1e-5)
            if random.random() < 0.5:  # the update took its time, in which rows were overwritten
                held = add()
            mine.prioritise(rows, torch.tensor([errors[row] for row in rows.tolist()]))
            known |= {held[row]: priority(error) for row, error in errors.items() if row in held}
            largest = max(largest, *(priority(error) for row, error in errors.items() if row in held), 0.0)
            every = mine.priorities.tree.at(torch.arange(mine.capacity)).tolist()
            found = {row: value for row, value in enumerate(every) if value > 0}
            assert found == pytest.approx({row: known[name] for row, name in held.items()}, rel=1e-5)
        if random.random() < 0.2:
            mine.state_dict()  # looking changes nothing
        if random.random() < 0.1:
            other = replay(stack, steps, mine.capacity, seed=9)
            other.load_state_dict(deepcopy(mine.state_dict()))
            mine = other if random.random() < 0.5 else deepcopy(mine)


def test_a_prioritised_replay_goes_on_exactly_from_a_state_and_saving_leaves_no_trace() -> None:
    experience, random = Experience(2, seed=0, stack=3), np.random.default_rng(0)
    straight, saved, other = (replay(3, 2, 80) for _ in range(3))
    for step in range(120):
        transition = next(experience)
        replays = (straight, saved) if step < 60 else (straight, saved, other)
        for each in replays:
            each.add(transition)
        if step % 3 == 2:
            errors = torch.from_numpy(random.normal(size=8))
            rows = [each.draw(8) for each in replays]
            assert all(torch.equal(rows[0], more) for more in rows)
            for each in replays:
                each.prioritise(rows[0], errors)
        saved.state_dict()
        if step == 59:
            other.load_state_dict(deepcopy(saved.state_dict()))
    assert digest(straight.state_dict()) == digest(saved.state_dict()) == digest(other.state_dict())


def test_a_row_overwritten_after_it_was_drawn_keeps_no_priority_of_its_own() -> None:
    experience, mine = Experience(1, seed=0, ends=0.0), replay(1, 1, 10)
    for _ in range(10):
        mine.add(next(experience))
    rows = mine.newest(9)  # a tenth slot holds the frame that followed the last
    mine.add(next(experience))  # over the oldest
    mine.prioritise(rows, torch.full((9,), 1e6))
    assert len(mine) == 9
    assert rows[0] not in mine.draw(5_000)
    assert set(mine.draw(5_000).tolist()) <= set(mine.newest(9).tolist())
