"""Subsampling: how many steps are left, and that padding changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.data.sequences import Padded, Ragged
from lab.seeding import Seeds
from supervised.subsampling import Subsampling, SubsamplingConfig


def built(*widths: int, dropout: float = 0.0) -> Subsampling:
    with Seeds(0).initialising("subsampling"):
        return SubsamplingConfig(widths=widths, dropout=dropout).build(3).double()


def sequences(*lengths: int) -> Ragged:
    generator = torch.Generator().manual_seed(0)
    return Ragged.of([torch.randn(length, 3, generator=generator, dtype=torch.float64) for length in lengths])


@pytest.mark.parametrize(
    ("widths", "left"), [((), [1, 2, 7, 8, 9]), ((5,), [1, 1, 4, 4, 5]), ((5, 4), [1, 1, 2, 2, 3])]
)
def test_each_layer_halves_the_steps(widths: tuple[int, ...], left: list[int]) -> None:
    subsampling = built(*widths)
    values, lengths = subsampling(sequences(1, 2, 7, 8, 9).padded(torch.arange(5)))
    assert lengths.tolist() == subsampling.left(torch.tensor([1, 2, 7, 8, 9])).tolist() == left
    assert values.shape == (5, left[-1], subsampling.out_features)
    assert subsampling.out_features == (widths[-1] if widths else 3)


def test_a_layer_by_hand() -> None:
    subsampling = built(1)
    with torch.no_grad():
        subsampling.layers[0].weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]).expand(1, 3, 3) / 3)
        subsampling.layers[0].bias.fill_(0.5)
    steps = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)[None, :, None].expand(1, 4, 3)
    # About the first step: 10 * 1 + 100 * 2; about the third: 2 + 10 * 3 + 100 * 4.
    assert subsampling(Padded(steps, torch.tensor([4]))).values.flatten().tolist() == pytest.approx([210.5, 432.5])


@pytest.mark.parametrize("widths", [(4,), (4, 5), (4, 5, 6)])
def test_padding_changes_nothing(widths: tuple[int, ...]) -> None:
    subsampling, ragged = built(*widths), sequences(1, 6, 7, 13, 16)
    with torch.no_grad():
        for layer in subsampling.layers:
            layer.bias.fill_(0.7)  # or what lies in the padding would stay 0 by itself
    together = subsampling(ragged.padded(torch.arange(5)))
    for i in range(5):
        alone = subsampling(ragged.padded(torch.tensor([i])))
        length = int(alone.lengths[0])
        torch.testing.assert_close(together.values[i, :length], alone.values[0])
        assert (together.values[i, length:] == 0).all()


def test_dropout_is_for_training_alone() -> None:
    subsampling, inputs = built(8, dropout=0.5), sequences(9).padded(torch.tensor([0]))

    def output() -> Tensor:
        return subsampling(inputs).values

    assert not output().equal(output())
    subsampling.eval()
    assert output().equal(output())
