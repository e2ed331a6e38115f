"""Splits: partitions by a seed of their own, stratified, and over two distributions."""

from __future__ import annotations

import pytest
import torch

from lab.data import Dataset, LabelledText, hold_out, split
from lab.data.splits import LARGE, SMALL, few, normalised, target_split
from tests.lab.data.cases import numbered


@pytest.mark.parametrize("size", [1, 7, 10, 1_797])
def test_a_split_is_a_partition(size: int) -> None:
    parts = split(numbered(size), (0.6, 0.2, 0.2), seed=3)
    assert sorted(torch.cat([part.inputs for part in parts]).tolist()) == list(range(size))
    assert all(torch.equal(part.labels, part.inputs * 10) for part in parts)
    assert [len(part) for part in parts] == [
        round(0.6 * size), round(0.8 * size) - round(0.6 * size), size - round(0.8 * size)
    ]  # fmt: skip


def test_a_split_depends_on_its_own_seed_alone() -> None:
    torch.manual_seed(1)
    first = split(numbered(50), (0.5, 0.5), seed=3)[0].inputs
    torch.manual_seed(2)
    assert torch.equal(split(numbered(50), (0.5, 0.5), seed=3)[0].inputs, first)
    assert not torch.equal(split(numbered(50), (0.5, 0.5), seed=4)[0].inputs, first)


@pytest.mark.parametrize("shares", [(0.5, 0.6), (0.5, 0.4), (1.5, -0.5), (1.0, 0.0)])
def test_shares_that_are_no_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="They must be above 0 and add up to 1"):
        split(numbered(9), shares, seed=0)


def test_a_stratified_split_gives_each_part_its_share_of_each_class() -> None:
    """Of 100 examples of class 0, 20 of class 1 and 10 of class 2."""
    labels = torch.tensor([0] * 100 + [1] * 20 + [2] * 10)
    parts = split(Dataset(torch.arange(130), labels), SMALL, seed=0, stratified=True)
    assert [part.labels.bincount().tolist() for part in parts] == [[60, 12, 6], [20, 4, 2], [20, 4, 2]]
    assert sorted(torch.cat([part.inputs for part in parts]).tolist()) == list(range(130))
    assert all(torch.equal(labels[part.inputs], part.labels) for part in parts)
    again = split(Dataset(torch.arange(130), labels), SMALL, seed=0, stratified=True)
    assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(parts, again))
    other = split(Dataset(torch.arange(130), labels), SMALL, seed=1, stratified=True)
    assert not torch.equal(other[0].inputs, parts[0].inputs)


def test_texts_are_split_as_their_numbers_are() -> None:
    labels = torch.arange(20) % 2
    texts = LabelledText(tuple(map(str, range(20))), labels, ("even", "odd"))
    for stratified in (False, True):
        parts = split(texts, (0.3, 0.7), seed=1, stratified=stratified)
        numbers = split(Dataset(torch.arange(20), labels), (0.3, 0.7), seed=1, stratified=stratified)
        for part, same in zip(parts, numbers):
            assert [int(text) for text in part.texts] == same.inputs.tolist()
            assert torch.equal(part.labels, same.labels)
            assert part.classes == ("even", "odd")


def test_a_class_too_small_for_every_part_is_refused() -> None:
    labels = torch.tensor([0] * 100 + [7] * 2)
    with pytest.raises(ValueError, match=r"Class 7 has 2 examples, too few for each of the shares"):
        split(Dataset(torch.arange(102), labels), SMALL, seed=0, stratified=True)


def test_a_tenth_of_each_class_is_held_out() -> None:
    """Of 30 examples of class 0 and 20 of class 1."""
    whole = Dataset(torch.arange(50), torch.tensor([0] * 30 + [1] * 20))
    kept, parts = hold_out(whole, 0.1, seed=0)
    assert list(parts) == ["dev"]
    assert parts["dev"].labels.bincount().tolist() == [3, 2]
    assert kept.labels.bincount().tolist() == [27, 18]
    assert sorted(torch.cat([kept.inputs, parts["dev"].inputs]).tolist()) == list(range(50))


def test_where_nothing_is_held_out_all_is_as_it_was() -> None:
    whole = numbered(9)
    kept, parts = hold_out(whole, 0.0, seed=0)
    assert kept is whole
    assert parts == {}


def test_the_large_shares_are_nearly_all_for_training() -> None:
    assert [len(part) for part in split(numbered(1_000), LARGE, seed=0)] == [980, 10, 10]


def test_development_and_test_are_of_the_target_distribution_and_train_dev_is_not() -> None:
    training, target = numbered(100), Dataset(torch.arange(1_000, 1_040), torch.zeros(40))
    parts = target_split(training, target, train_dev=0.1, test=0.75, seed=0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 90, "train_dev": 10, "dev": 10, "test": 30}
    assert sorted(torch.cat([parts["train"].inputs, parts["train_dev"].inputs]).tolist()) == list(range(100))
    assert sorted(torch.cat([parts["dev"].inputs, parts["test"].inputs]).tolist()) == list(range(1_000, 1_040))


def test_all_parts_of_two_distributions_have_their_share_of_each_class() -> None:
    training, target = (Dataset(torch.arange(float(n)), torch.arange(n) % 5) for n in (100, 40))
    parts = target_split(training, target, train_dev=0.1, test=0.75, seed=0, stratified=True)
    counts = {name: part.labels.bincount().tolist() for name, part in parts.items()}
    assert counts == {"train": [18] * 5, "train_dev": [2] * 5, "dev": [2] * 5, "test": [6] * 5}


def test_all_parts_are_normalised_by_the_training_part() -> None:
    """Inputs 1 and 5 have mean 3 and deviation 2."""
    training, test = (
        Dataset(torch.tensor([[1.0], [5.0]]), torch.tensor([7, 8])),
        Dataset(torch.tensor([[9.0]]), torch.tensor([9])),
    )
    parts = normalised(training, test)
    assert [part.inputs.flatten().tolist() for part in parts] == [[-1.0, 1.0], [3.0]]
    assert [part.labels.tolist() for part in parts] == [[7, 8], [9]]


@pytest.mark.parametrize("labels", [torch.ones(6), torch.full((6,), torch.nan), torch.ones(6, 2, dtype=torch.int64)])
def test_labels_that_are_no_classes_have_no_shares(labels: torch.Tensor) -> None:
    data = Dataset(torch.arange(6), labels)
    said = rf"labels have shape \[{', '.join(map(str, labels.shape))}\].*put no example into one class"
    with pytest.raises(ValueError, match=said):
        split(data, SMALL, seed=0, stratified=True)
    with pytest.raises(ValueError, match=said):
        few(data, 2, seed=0)
    assert sum(map(len, split(data, SMALL, seed=0))) == 6
