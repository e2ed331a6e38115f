"""Alias tables draw by the probabilities that they are given."""

from __future__ import annotations

import pytest
import torch

from generative.noise import AliasTable


def test_the_bins_hold_exactly_the_probabilities() -> None:
    weights = torch.tensor([0.5, 3.0, 0.0, 1.5, 0.25, 2.75])
    table = AliasTable(weights)
    held = table._own.double()
    total = held.clone()
    total.scatter_add_(0, table._alias, 1 - held)
    torch.testing.assert_close(total / 6, weights.double() / 8, atol=1e-6, rtol=1e-6)


def test_draws_are_of_the_probabilities_and_of_the_generator() -> None:
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    table = AliasTable(weights)
    drawn = table.draw((100, 1000), torch.Generator().manual_seed(0))
    assert drawn.shape == (100, 1000)
    share = drawn.flatten().bincount(minlength=4) / drawn.numel()
    assert share.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.006)
    assert torch.equal(drawn, table.draw((100, 1000), torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [1.0, float("inf")], [float("nan"), 1.0]])
def test_what_is_no_distribution_is_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match=r"are no distribution\. Give at least one above 0"):
        AliasTable(torch.tensor(weights))
