"""Precision of the nearest, by hand."""

from __future__ import annotations

import pytest
import torch

from generative.retrieval import nearest, precision_at


def test_by_hand() -> None:
    codes = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    of_codes = torch.tensor([0, 0, 1, 1])
    queries, labels = torch.tensor([[0.4], [9.0]]), torch.tensor([0, 1])
    assert float(precision_at(1, queries, labels, codes, of_codes)) == 1.0
    assert float(precision_at(2, queries, labels, codes, of_codes)) == 1.0  # 0 and 1; 10 and 2
    assert float(precision_at(3, queries, labels, codes, of_codes)) == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_codes_far_from_the_origin_and_close_to_each_other() -> None:
    codes = 1_000.0 + 1e-3 * torch.arange(64.0)[:, None] * torch.ones(8)
    queries = codes[10:50] + 2e-4
    assert nearest(1, queries, codes).squeeze(1).tolist() == list(range(10, 50))
    labels = torch.arange(64)
    assert float(precision_at(1, queries, labels[10:50], codes, labels)) == 1.0


def test_more_than_there_are_is_refused() -> None:
    codes = torch.zeros(4, 1)
    with pytest.raises(ValueError, match="count is 5, but of 4 codes 1 to 4 can be the nearest"):
        precision_at(5, codes, torch.zeros(4), codes, torch.zeros(4))
