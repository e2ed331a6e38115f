"""What ships with scikit-learn."""

from __future__ import annotations

import torch

from lab.data import digits


def test_digits() -> None:
    data = digits()
    assert data.inputs.shape == (1_797, 1, 8, 8)
    assert (float(data.inputs.min()), float(data.inputs.max())) == (0.0, 1.0)
    assert torch.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI's counts
    assert data.labels[:5].tolist() == [0, 1, 2, 3, 4]
