"""Labels that a classifier can learn from, and errors that name those it cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.data.labels import check_classes, check_labels


@pytest.mark.parametrize("labels", [torch.tensor([2, 0, 1, 1]), torch.rand(4, 3)], ids=["hard", "soft"])
def test_sound_labels_pass(labels: Tensor) -> None:
    check_classes(labels, 3, "training")


def test_a_part_may_lack_a_class_where_it_is_only_judged() -> None:
    check_labels(torch.tensor([0, 0]), 3, "test")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            torch.tensor([0, 1, 2, 3, 9]),
            r"Example 3 of the dev part \(counted from 0\) has the label 3, but there are 3 classes, numbered 0 to 2 "
            r"\(2 of 5 labels are out of that range\)\. Number the classes from 0, or give the classifier",
        ),
        (torch.tensor([0, -1]), r"Example 1 of the dev part .* has the label -1"),
        (
            torch.tensor([0.0, 1.0]),
            r"labels of the dev part have shape \[2\] and type torch\.float32.*Give labels \[N\]",
        ),
        (torch.tensor([[0], [1]]), r"labels of the dev part have shape \[2, 1\] and type torch\.int64"),
        (torch.rand(4, 2), r"soft labels of the dev part have 2 columns, but there are 3 classes"),
    ],
)
def test_labels_that_name_no_class(labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_labels(labels, 3, "dev")


@pytest.mark.parametrize(
    ("labels", "num_classes", "named"),
    [
        ([0, 2], 3, "label 1,"),
        ([1], 3, "label 0, 2,"),
        ([0], 9, "label 1, 2, 3, 4, 5 and 3 more,"),
        ([], 2, "label 0, 1,"),
    ],
)
def test_missing_classes_are_named(labels: list[int], num_classes: int, named: str) -> None:
    with pytest.raises(
        ValueError, match=rf"No example of the training part \({len(labels)} examples\) has the {named}"
    ):
        check_classes(torch.tensor(labels, dtype=torch.int64), num_classes, "training")


def test_missing_classes_are_told_by_name() -> None:
    with pytest.raises(ValueError, match=r"has the label 0 \('rose'\), 2 \('tulip'\), but there are 3 classes"):
        check_classes(torch.tensor([1, 1]), 3, "training", ("rose", "lily", "tulip"))
