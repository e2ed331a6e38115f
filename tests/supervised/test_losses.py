"""Losses by hand."""

from __future__ import annotations

import math

import pytest
import torch

from supervised.losses import correct, cross_entropy
from supervised.seq2seq import least_cross_entropy

LOGITS = torch.tensor([[0.0, math.log(3.0)], [math.log(4.0), 0.0]], dtype=torch.float64)  # odds 1:3 and 4:1
LABELS = torch.tensor([1, 1])


def test_cross_entropy_by_hand() -> None:
    assert cross_entropy(LOGITS, LABELS).tolist() == pytest.approx([-math.log(3 / 4), -math.log(1 / 5)])


def test_label_smoothing_by_hand() -> None:
    # A share of 0.2 spread over two classes leaves 0.9 on the label and 0.1 on the other.
    expected = [-0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4), -0.9 * math.log(1 / 5) - 0.1 * math.log(4 / 5)]
    assert cross_entropy(LOGITS, LABELS, 0.2).tolist() == pytest.approx(expected)


def test_what_smoothing_costs_at_least_by_hand() -> None:
    """0.9 and 0.1 of a label can be told no better than by odds of 9 to 1."""
    assert least_cross_entropy(2, 0.2) == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert least_cross_entropy(5, 0.0) == 0.0
    known = torch.tensor([[0.0, math.log(9.0)]], dtype=torch.float64)
    assert float(cross_entropy(known, torch.tensor([1]), 0.2)) == pytest.approx(least_cross_entropy(2, 0.2))


def test_correct_by_hand() -> None:
    assert correct(LOGITS, LABELS).tolist() == [1.0, 0.0]
    assert correct(LOGITS, LABELS).dtype == torch.float32


def test_soft_labels_by_hand() -> None:
    soft = torch.tensor([[0.25, 0.75], [0.6, 0.4]], dtype=torch.float64)
    expected = [-0.25 * math.log(1 / 4) - 0.75 * math.log(3 / 4), -0.6 * math.log(4 / 5) - 0.4 * math.log(1 / 5)]
    assert cross_entropy(LOGITS, soft).tolist() == pytest.approx(expected)
    assert cross_entropy(LOGITS, torch.nn.functional.one_hot(LABELS, 2).double()).tolist() == pytest.approx(
        cross_entropy(LOGITS, LABELS).tolist()
    )
    assert correct(LOGITS, soft).tolist() == [1.0, 1.0]
