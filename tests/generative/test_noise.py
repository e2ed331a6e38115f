"""Alias tables draw by the probabilities that they are given, and noise by its update."""

from __future__ import annotations

import pytest
import torch

from generative.noise import AT_ONCE, AliasTable, Noise
from lab.seeding import Seeds


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


def test_noise_is_a_function_of_seeds_update_and_shape() -> None:
    table = AliasTable(torch.ones(1_000))
    noise = Noise(table, Seeds(0))
    updates = range(2 * AT_ONCE + 1)
    drawn = [noise.of(update, (4, 8)).clone() for update in updates]
    assert all(each.shape == (4, 8) for each in drawn)
    assert len({tuple(each.flatten().tolist()) for each in drawn}) == len(updates), "no two updates have the same"
    for update in reversed(updates):  # as after a resume in the midst of what is drawn at once
        assert torch.equal(Noise(table, Seeds(0)).of(update, (4, 8)), drawn[update])
        assert torch.equal(noise.of(update, (4, 8)), drawn[update])
    assert noise.of(3, (2, 8)).shape == (2, 8)
    assert torch.equal(noise.of(3, (4, 8)), drawn[3])
    assert not torch.equal(Noise(table, Seeds(1)).of(3, (4, 8)), drawn[3])
