"""Inputs that a learner cannot learn from are named."""

from __future__ import annotations

import pytest
import torch

from generative.checks import check_inputs, within_0_and_1
from lab.data import Dataset


def test_the_first_wrong_one_is_named_with_its_part() -> None:
    good = Dataset(torch.tensor([[0.0, 1.0], [0.5, 0.5]]), torch.zeros(2))
    bad = Dataset(torch.tensor([[0.0, 1.0], [0.5, 1.5], [-1.0, 0.0]]), torch.zeros(3))
    check_inputs({"training": good, "test": good}, within_0_and_1, "is wrong.")
    with pytest.raises(ValueError, match=r"^Input 1 of the test set is wrong\.$"):
        check_inputs({"dev": good, "test": bad}, within_0_and_1, "is wrong.")
    with pytest.raises(ValueError, match="Input 1 of the training set"):
        check_inputs({"training": bad}, within_0_and_1, "is wrong.")


def test_what_is_no_number_is_not_within() -> None:
    assert within_0_and_1(torch.tensor([torch.nan, torch.inf, 0.0, 1.0])).tolist() == [False, False, True, True]
