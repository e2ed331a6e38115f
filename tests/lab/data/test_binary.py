"""Pixels as bits."""

from __future__ import annotations

import pytest
import torch

from lab.data import Dataset
from lab.data.binary import binarised, drawn


def test_a_bit_is_1_as_often_as_its_pixel_is_bright() -> None:
    pixels = torch.tensor([0.0, 0.25, 0.9, 1.0]).expand(20_000, 4)
    bits = drawn()(pixels, torch.Generator().manual_seed(0))
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    assert bits.mean(0).tolist() == pytest.approx([0.0, 0.25, 0.9, 1.0], abs=0.01)
    assert bits[:, 0].max() == 0
    assert bits[:, 3].min() == 1


def test_drawn_once_they_are_the_seeds_own() -> None:
    data = Dataset(torch.full((50, 8), 0.5), torch.arange(50))
    assert torch.equal(binarised(data, 1).inputs, binarised(data, 1).inputs)
    assert not torch.equal(binarised(data, 1).inputs, binarised(data, 2).inputs)
    assert torch.equal(binarised(data, 1).labels, data.labels)
