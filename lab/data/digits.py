"""Handwritten digits, which ship with scikit-learn."""

from __future__ import annotations

import torch

from lab.data.dataset import Dataset


def digits() -> Dataset:
    """1,797 handwritten digits: inputs [N, 1, 8, 8] in [0, 1], labels [N] in 0-9. Ships with scikit-learn.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998 (its test part).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    inputs = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16.0
    return Dataset(inputs, torch.tensor(bunch.target, dtype=torch.int64))
