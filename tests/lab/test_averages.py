"""The weighted average against numbers worked out by hand and a plain sum."""

from __future__ import annotations

import pytest
import torch

from lab.averages import WeightedAverage


def test_correction_by_hand() -> None:
    """Temperatures 40, 49, 45 with beta .9: raw 4, 8.5, 12.15; corrected by .1, .19, .271."""
    day = torch.zeros(1, dtype=torch.float64)
    average = WeightedAverage([day], 0.9)
    corrected, raw = [], []
    for temperature in (40.0, 49.0, 45.0):
        day.fill_(temperature)
        average.update()
        raw.append(average.sums[0].item())
        corrected.append(average.corrected()[0].item())
    assert raw == pytest.approx([4.0, 8.5, 12.15])
    assert corrected == pytest.approx([40.0, 8.5 / 0.19, 12.15 / 0.271])


def test_it_is_the_normalised_sum_of_powers() -> None:
    history = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    now = torch.zeros(4, dtype=torch.float64)
    average = WeightedAverage([now], 0.8)
    for values in history:
        now.copy_(values)
        average.update()
    powers = 0.8 ** torch.arange(29, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(average.corrected()[0], (powers[:, None] * history).sum(0) / powers.sum())


def test_before_the_first_update_it_is_the_present() -> None:
    now = torch.tensor([2.0, 3.0])
    average = WeightedAverage([now], 0.9)
    assert average.corrected()[0].equal(now)
    assert average.corrected()[0] is not now


def test_applying_gives_back_every_bit_even_after_an_error() -> None:
    network = torch.nn.Linear(3, 2)
    average = WeightedAverage(network.parameters(), 0.5)
    average.update()
    with torch.no_grad():
        network.weight.mul_(3.0)
    before = network.weight.detach().clone()
    seen = []

    def fail_midway() -> None:
        with average.applied():
            seen.append(network.weight.detach().clone())
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    torch.testing.assert_close(seen[0], before / 3)
    assert network.weight.equal(before)
    assert network.weight.requires_grad


def test_a_state_goes_on_exactly_and_is_copied() -> None:
    now = torch.tensor([1.0])
    average, resumed = WeightedAverage([now], 0.7), WeightedAverage([now], 0.7)
    average.update()
    resumed.load_state_dict(average.state_dict())
    now.fill_(5.0)
    average.update()
    resumed.update()
    assert resumed.count == 2
    assert resumed.corrected()[0].equal(average.corrected()[0])
