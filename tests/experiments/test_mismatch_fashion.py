"""Two distributions: which pictures are in which part, and that one target distribution is the same for all."""

from __future__ import annotations

import torch

from experiments.supervised import mismatch_fashion
from lab.data import AugmentConfig, Dataset, load
from lab.seeding import Seeds


def test_the_parts_come_from_where_they_should() -> None:
    trial = mismatch_fashion.build(mismatch_fashion.SMOKE, Seeds(0))
    parts = {"train": trial.batches.dataset, **trial.evaluation}
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 58_800, "train_dev": 1_200, "dev": 5_000, "test": 5_000
    }  # fmt: skip
    assert all(part.labels.bincount().unique().numel() == 1 for part in parts.values()), "as many of each class"
    catalogue = load("fashion_mnist").train.inputs
    ink = {name: float(part.inputs[:1_000].mean()) for name, part in parts.items()}
    assert abs(ink["train_dev"] - float(catalogue.mean())) < 0.02
    bent = {tuple(part.inputs[:200].flatten().tolist()) for part in parts.values()}
    assert len(bent) == 4


def test_the_target_distribution_is_drawn_once_for_all() -> None:
    examples = Dataset(torch.rand(5, 1, 8, 8), torch.arange(5))
    how = AugmentConfig(rotate=30.0, distort=1.0)
    once, again = (mismatch_fashion.changed(examples, how, 0) for _ in range(2))
    assert torch.equal(once.inputs, again.inputs)
    assert not torch.equal(once.inputs, mismatch_fashion.changed(examples, how, 1).inputs)
    assert torch.equal(once.labels, examples.labels)
    assert mismatch_fashion.changed(examples, AugmentConfig(), 0) is examples
