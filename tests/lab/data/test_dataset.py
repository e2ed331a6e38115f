"""Labelled sets."""

from __future__ import annotations

import pytest
import torch

from lab.data import Dataset
from tests.lab.data.cases import numbered


def test_a_data_set_needs_a_label_for_each_input() -> None:
    with pytest.raises(ValueError, match="There are 3 inputs but 2 labels"):
        Dataset(torch.zeros(3), torch.zeros(2))


def test_subset_and_chunks() -> None:
    inputs, labels = next(numbered(5).subset(torch.tensor([3, 1])).chunks(9))
    assert (inputs.tolist(), labels.tolist()) == ([3, 1], [30, 10])
    assert [inputs.tolist() for inputs, _ in numbered(5).chunks(2)] == [[0, 1], [2, 3], [4]]
