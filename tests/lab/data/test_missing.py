"""Dropping labels: how many, which, and by what."""

from __future__ import annotations

import pytest
import torch

from lab.data import Dataset
from lab.data.missing import drop_labels


def answers(size: int = 1_000, tasks: int = 3) -> Dataset:
    """Labels that name their place, so that one that moved would be seen."""
    return Dataset(torch.arange(size), torch.arange(size * tasks, dtype=torch.float32).view(size, tasks))


@pytest.mark.parametrize(("share", "dropped"), [(0.0, 0), (0.8, 800), (0.2516, 252), (1.0, 1_000)])
def test_each_task_loses_its_share_and_the_others_stay(share: float, dropped: int) -> None:
    whole = answers()
    labels = drop_labels(whole, share, seed=0).labels
    missing = labels.isnan()
    assert missing.sum(0).tolist() == [dropped] * 3
    assert torch.equal(labels[~missing], whole.labels[~missing])
    assert not whole.labels.isnan().any(), "the data set itself is as it was"


def test_tasks_lose_labels_independently() -> None:
    """Of 1,000 examples about 0.8 ** 3 lose all three labels and 0.2 ** 3 keep all."""
    missing = drop_labels(answers(), 0.8, seed=0).labels.isnan().sum(1)
    # A hypergeometric count has at most the binomial deviation: sqrt(1000 * 0.512 * 0.488) = 15.8 and 2.8.
    assert abs(int((missing == 3).sum()) - 512) < 4 * 15.8
    assert abs(int((missing == 0).sum()) - 8) < 4 * 2.8


def test_it_depends_on_its_own_seed_alone() -> None:
    torch.manual_seed(1)
    first = drop_labels(answers(), 0.5, seed=3).labels.isnan()
    torch.manual_seed(2)
    assert torch.equal(drop_labels(answers(), 0.5, seed=3).labels.isnan(), first)
    assert not torch.equal(drop_labels(answers(), 0.5, seed=4).labels.isnan(), first)
    fewer = drop_labels(answers(tasks=2), 0.5, seed=3).labels.isnan()
    assert torch.equal(fewer, first[:, :2]), "a further task leaves the others' labels alone"


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(ValueError, match=f"share is {share}, .*Set it from 0 to 1"):
        drop_labels(answers(), share, seed=0)


@pytest.mark.parametrize(
    "labels", [torch.zeros(4), torch.zeros(4, 2, dtype=torch.int64), torch.tensor([[1.0, torch.nan]] * 4)]
)
def test_labels_that_are_no_complete_table(labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"complete table: floating.*labels.float\(\).*drop labels once"):
        drop_labels(Dataset(torch.arange(4), labels), 0.5, seed=0)
