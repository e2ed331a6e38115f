"""The sum tree against a plain list, and what rounding must not do to it."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch

from agents.sum_tree import FAN, SumTree
from lab.checkpoint import digest


def filled(values: list[float] | np.ndarray) -> SumTree:
    tree = SumTree(len(values))
    for leaves in torch.arange(len(values)).split(10_000):
        tree.set(leaves, torch.as_tensor(values, dtype=torch.float32)[leaves])
    return tree


def found(tree: SumTree, targets: list[float]) -> list[int]:
    return tree.find(torch.tensor(targets, dtype=torch.float64)).tolist()


def test_finds_where_the_running_sum_exceeds_the_target() -> None:
    tree = filled([1, 0, 2, 0.5, 0])  # running sums 1, 1, 3, 3.5, 3.5
    assert tree.total.item() == 3.5
    assert found(tree, [0, 0.99, 1, 2.99, 3, 3.49]) == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("size", [1, 5, FAN, FAN + 1, FAN * FAN + 3, 3 * FAN * FAN])
def test_equals_a_plain_list_under_random_changes(size: int) -> None:
    """Whole numbers, whose sums are exact: every target must find the very leaf, on one, two and three levels."""
    random = np.random.default_rng(size)
    tree, plain = SumTree(size), np.zeros(size)
    for _ in range(20):
        leaves = random.choice(size, min(size, 300), replace=False)
        values = random.integers(0, 4, len(leaves))
        tree.set(torch.from_numpy(leaves), torch.from_numpy(values).float())
        plain[leaves] = values
        assert tree.total.item() == plain.sum()
        assert tree.at(torch.from_numpy(leaves)).tolist() == values.tolist()
        if plain.any():
            targets = np.concatenate([random.uniform(0, plain.sum(), 50), np.arange(plain.sum())[:50]])
            expected = np.searchsorted(plain.cumsum(), targets, side="right")
            assert tree.find(torch.from_numpy(targets)).tolist() == expected.tolist()


def test_of_several_values_for_one_leaf_the_largest_stays() -> None:
    tree = filled([5, 5, 5])
    tree.set(torch.tensor([1, 0, 1, 1]), torch.tensor([2.0, 1.0, 3.0, 0.0]))
    assert tree.at(torch.arange(3)).tolist() == [1, 3, 5]
    assert tree.total.item() == 9


def test_no_rounding_error_accumulates() -> None:
    """After 2,000 changes between very large and very small the sums are those of a new tree, bit for bit."""
    random = np.random.default_rng(0)
    changed, values = SumTree(3 * FAN), np.zeros(3 * FAN, np.float32)
    for _ in range(2_000):
        leaf, value = int(random.integers(len(values))), np.float32(10 ** random.uniform(-12, 12))
        values[leaf] = value
        changed.set(torch.tensor([leaf]), torch.tensor([value]))
    assert digest(changed.state_dict()) == digest(filled(values).state_dict())
    changed.set(torch.arange(len(values)), torch.zeros(len(values)))
    assert changed.total.item() == 0


@pytest.mark.parametrize("size", [FAN, 40 * FAN, 3 * FAN * FAN])
def test_a_leaf_of_nothing_is_never_found(size: int) -> None:
    """Among leaves of all sizes and targets at, beside and behind every sum that rounding could meet."""
    random = np.random.default_rng(size)
    values = (10 ** random.uniform(-20, 12, size)).astype(np.float32)
    values[random.random(size) < 0.7] = 0
    values[[0, -1]] = 0
    tree = filled(values)
    sums = np.unique(values.astype(np.float64).cumsum())
    sums = sums[:: max(1, len(sums) // 2_000)]
    total = tree.total.item()
    targets = np.concatenate([sums, np.nextafter(sums, 0), np.nextafter(sums, np.inf), [0, total, 2 * total, -1e-9]])
    leaves = tree.find(torch.from_numpy(targets))
    assert (tree.at(leaves) > 0).all()
    assert leaves.max() < size


def test_a_device_that_sums_in_another_order_finds_no_leaf_of_nothing_either() -> None:
    """Where running sums are a little wrong, each in its own way, as parallel sums can be."""
    random = np.random.default_rng(0)
    values = random.uniform(0, 1, 20 * FAN).astype(np.float32)
    values[random.random(len(values)) < 0.7] = 0
    tree = filled(values)
    tree._up_to *= 1 + 1e-3 * torch.from_numpy(random.normal(size=(FAN, FAN)))
    targets = torch.from_numpy(random.uniform(0, tree.total.item(), 20_000))
    assert (tree.at(tree.find(targets)) > 0).all()


def test_a_million_leaves_are_told_apart() -> None:
    """In single precision, a target among a million equal leaves would miss every second one."""
    size = 1_000_000
    tree = filled(np.full(size, 0.7, np.float32))
    leaves = torch.randint(size, (1_000,), generator=torch.Generator().manual_seed(0))
    targets = (leaves.double() + 0.5) * float(np.float32(0.7))
    assert torch.equal(tree.find(targets), leaves)


def test_a_state_is_taken_up_and_copied() -> None:
    tree, other = filled(np.arange(300)), SumTree(300)
    state = deepcopy(tree.state_dict())
    other.load_state_dict(state)
    assert digest(other.state_dict()) == digest(tree.state_dict())
    state["levels"][0].zero_()
    assert digest(other.state_dict()) == digest(tree.state_dict())
