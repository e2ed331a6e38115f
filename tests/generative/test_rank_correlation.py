"""Spearman's correlation: by hand, and beside scipy's."""

from __future__ import annotations

from math import isnan

import pytest
import torch
from scipy.stats import spearmanr

from generative.rank_correlation import rank_correlation, ranks


def test_ranks_by_hand() -> None:
    assert ranks(torch.tensor([5.0, 1.0, 3.0, 3.0, 9.0])).tolist() == [3, 0, 1.5, 1.5, 4]


def test_correlation_by_hand() -> None:
    values = torch.tensor([1.0, 2.0, 3.0])
    assert rank_correlation(values, values.exp()) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, torch.tensor([2.0, 9.0, 5.0])) == pytest.approx(0.5)  # 1 - 6 * 2 / (3 * 8)


@pytest.mark.parametrize("kinds", [5, 1_000_000])
def test_scipy_finds_the_same(kinds: int) -> None:
    a, b = torch.randint(kinds, (2, 200), generator=torch.Generator().manual_seed(0))
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_what_has_no_order() -> None:
    assert isnan(rank_correlation(torch.ones(3), torch.arange(3)))
    assert isnan(rank_correlation(torch.ones(1), torch.ones(1)))
    with pytest.raises(ValueError, match=r"The values are \[3\] and \[2\], but they are pairs"):
        rank_correlation(torch.ones(3), torch.ones(2))
