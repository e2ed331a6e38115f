"""The data of multitask_digits: the answers by hand, and that all arms have the same."""

from __future__ import annotations

import torch

from experiments.supervised.multitask_digits import TASKS, Config, answered, build, variants
from lab.data import Dataset
from lab.fit import Fit
from lab.seeding import Seeds


def arms() -> dict[str, Fit]:
    return {name: build(config, Seeds(0)) for name, config in variants(Config()).items()}


def test_the_answers_by_hand() -> None:
    data = answered(Dataset(torch.arange(10), torch.arange(10)))
    odd, at_least_five, loop, prime = data.labels.T.tolist()
    assert odd == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert at_least_five == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert loop == [1, 0, 0, 0, 0, 0, 1, 0, 1, 1]
    assert prime == [0, 0, 1, 1, 0, 1, 0, 1, 0, 0]


def test_a_fifth_of_the_training_labels_is_there_and_all_of_the_others() -> None:
    fit = arms()["shared"]
    labels = fit.batches.dataset.labels
    assert labels.shape == (1_078, 4)
    assert (~labels.isnan()).sum(0).tolist() == [216] * 4
    for part in ("dev", "test"):
        assert not fit.evaluation[part].labels.isnan().any()


def test_every_arm_has_the_same_images_batches_and_labels() -> None:
    fits = arms()
    shared = fits["shared"].batches
    batch = shared.next()
    for column, task in enumerate(TASKS):
        alone = fits[task].batches
        assert torch.equal(alone.dataset.inputs, shared.dataset.inputs)
        inputs, labels = alone.next()
        assert torch.equal(inputs, batch[0])
        assert torch.equal(labels.nan_to_num(-1), batch[1][:, column : column + 1].nan_to_num(-1))
        assert torch.equal(
            fits[task].evaluation["test"].labels[:, 0], fits["shared"].evaluation["test"].labels[:, column]
        )
