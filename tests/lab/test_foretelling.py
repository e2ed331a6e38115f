"""How well one order foretells another, by hand and beside scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from lab.foretelling import Foretold


def test_by_hand() -> None:
    # Ranks 1 2 3 4 5 and 1 2 3 5 4: 1 - 6 * (1 + 1) / (5 * 24) = 0.9; two without a score at one of the budgets.
    before: list[float | None] = [0.1, 0.2, 0.3, 0.4, 0.5, None, 9.0]
    after: list[float | None] = [10.0, 20.0, 30.0, 50.0, 40.0, 7.0, None]
    found = Foretold.of(5, 15, list(zip(before, after)))
    assert (found.before, found.after, found.candidates, found.warning) == (5, 15, 5, "")
    assert found.correlation == pytest.approx(0.9)


def test_as_scipy_has_it_with_ties() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        one, two = generator.integers(0, 6, size=(2, 12)).astype(float)
        found = Foretold.of(1, 2, list(zip(one.tolist(), two.tolist()))).correlation
        assert found == pytest.approx(spearmanr(one, two).statistic)


@pytest.mark.parametrize(
    ("after", "warns"),
    [
        ([5.0, 4.0, 3.0, 2.0, 1.0], True),
        ([1.0, 2.0, 3.0, 4.0, 5.0], False),
        ([5.0, 4.0, 3.0, 2.0], False),  # too few to say
        ([7.0] * 5, False),  # all as good: nothing was lost
    ],
)
def test_it_warns_where_little_was_foretold(after: list[float], warns: bool) -> None:
    found = Foretold.of(5_555, 16_665, [(float(i), each) for i, each in enumerate(after)])
    assert bool(found.warning) == warns
    if warns:
        assert found.warning == (
            "the order at 5,555 steps hardly foretold that at 16,665 (rank correlation -1.00 of 5), so the best may "
            "have been stopped early"
        )


def test_of_none_nothing_is_said() -> None:
    assert Foretold.of(1, 2, []).correlation is None
    assert Foretold.of(1, 2, [(1.0, 2.0)]).warning == ""
