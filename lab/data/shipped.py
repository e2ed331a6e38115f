"""Data sets that ship with scikit-learn and so need neither a file nor a network."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from lab.data.dataset import Dataset


def digits() -> Dataset:
    """1,797 handwritten digits: inputs [N, 1, 8, 8] in [0, 1], labels [N] in 0-9.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998 (its test part).
    """
    bunch = _parsed_digits()
    inputs = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16.0
    return Dataset(inputs, torch.tensor(bunch.target, dtype=torch.int64))


def diabetes() -> Dataset:
    """442 patients: inputs [N, 10] float32 as measured, labels [N] float32, how the disease went on in a year.

    Source: Efron, Hastie, Johnstone and Tibshirani 2004, "Least angle regression", Annals of Statistics 32(2).
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Dataset(torch.tensor(bunch.data, dtype=torch.float32), torch.tensor(bunch.target, dtype=torch.float32))


def breast_cancer() -> Dataset:
    """569 tumours: inputs [N, 30] float32 as measured, labels [N] int64, 0 malignant and 1 benign.

    Source: Street, Wolberg and Mangasarian 1993, "Nuclear feature extraction for breast tumor diagnosis" (UCI).
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return Dataset(torch.tensor(bunch.data, dtype=torch.float32), torch.tensor(bunch.target, dtype=torch.int64))


@cache
def _parsed_digits() -> Any:
    """What scikit-learn reads from its file of text, which takes longer than the smallest experiments; read only."""
    from sklearn.datasets import load_digits

    return load_digits()
