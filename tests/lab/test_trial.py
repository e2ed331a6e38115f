"""The manner in which a model speaks: how a symbol is drawn."""

from __future__ import annotations

import pytest
import torch

from lab.trial import Manner


@pytest.mark.parametrize(("temperature", "odds"), [(1.0, [1, 2, 3, 4]), (0.5, [1, 4, 9, 16])])
def test_the_temperature_raises_the_odds_to_its_inverse(temperature: float, odds: list[int]) -> None:
    logits = torch.tensor([1.0, 2.0, 3.0, 4.0]).log() + 5
    generator = torch.Generator().manual_seed(0)
    manner = Manner(temperature=temperature)
    drawn = torch.tensor([manner.draw(logits, generator) for _ in range(4_000)])
    expected = torch.tensor(odds) / sum(odds)
    # Standard deviation of a share at most sqrt(0.25 / 4000) = 0.008; four of them.
    assert (torch.bincount(drawn, minlength=4) / 4_000 - expected).abs().max() < 0.032
    assert Manner(temperature=0.0).draw(logits, generator) == 3


@pytest.mark.parametrize(("top_k", "found"), [(0, 4), (1, 1), (2, 2), (9, 4)])
def test_only_the_likeliest_are_drawn(top_k: int, found: int) -> None:
    logits, generator = torch.tensor([4.0, 1.0, 2.0, 3.0]).log(), torch.Generator().manual_seed(0)
    drawn = {Manner(temperature=1.0, top_k=top_k).draw(logits, generator) for _ in range(200)}
    assert drawn == set([0, 3, 2, 1][:found])
