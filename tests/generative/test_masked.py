"""Masked convolutions: what each value sees, by hand and by derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generative.masked import Kind, MaskedConvolution


def test_masks_by_hand() -> None:
    first, later = MaskedConvolution("A", 1, 1, 3), MaskedConvolution("B", 1, 1, 3)
    assert first.mask[0, 0].tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert later.mask[0, 0].tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    row = MaskedConvolution("B", 1, 1, (1, 5))
    assert row.mask[0, 0].tolist() == [[1, 1, 1, 0, 0]]
    assert row(torch.zeros(1, 1, 4, 6)).shape == (1, 1, 4, 6)


def test_at_its_own_pixel_a_map_sees_the_colours_before_its_own_and_with_kind_b_its_own() -> None:
    """Maps 0 to 5 are red, green, blue, red, green, blue; all of them see all of the pixels before."""
    first, later = MaskedConvolution("A", 3, 6, 3, colours=3), MaskedConvolution("B", 6, 3, 3, colours=3)
    assert first.mask[:, :, 1, 1].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]] * 2
    assert later.mask[:, :, 1, 1].tolist() == [[1, 0, 0] * 2, [1, 1, 0] * 2, [1, 1, 1] * 2]
    for convolution in (first, later):
        assert (convolution.mask[:, :, 0] == 1).all()
        assert (convolution.mask[:, :, 1, 0] == 1).all()
        assert (convolution.mask[:, :, 1, 2] == 0).all()
        assert (convolution.mask[:, :, 2] == 0).all()


@pytest.mark.parametrize("kind", ["A", "B"])
def test_its_derivatives_are_those_that_the_mask_leaves(kind: Kind) -> None:
    convolution = MaskedConvolution(kind, 2, 2, 3, colours=2).double()
    jacobian = torch.autograd.functional.jacobian(convolution, torch.randn(1, 2, 3, 3, dtype=torch.float64))
    assert isinstance(jacobian, Tensor)
    seen = jacobian[0, :, 1, 1, 0] != 0  # [out, in, 3, 3], of the middle pixel
    assert torch.equal(seen, convolution.mask.bool())


def test_weights_that_are_masked_never_learn() -> None:
    convolution = MaskedConvolution("A", 3, 3, 3, colours=3)
    convolution(torch.randn(2, 3, 4, 4)).square().sum().backward()
    assert convolution.weight.grad is not None
    assert torch.equal(convolution.weight.grad != 0, convolution.mask.bool())


@pytest.mark.parametrize("size", [3, 7, (1, 5), (5, 1)])
def test_it_is_the_convolution_by_all_of_the_masked_kernel(size: int | tuple[int, int]) -> None:
    convolution = MaskedConvolution("B", 4, 2, size, colours=2).double()
    inputs = torch.randn(3, 4, 6, 9, dtype=torch.float64)
    weight = convolution.weight * convolution.mask
    by_all = F.conv2d(inputs, weight, convolution.bias, padding=tuple(side // 2 for side in weight.shape[2:]))
    torch.testing.assert_close(convolution(inputs), by_all)


def test_weights_begin_by_the_number_of_inputs_that_are_seen() -> None:
    """Of 7 x 7 pixels of 3 maps, kind A sees 24: a deviation of sqrt(2 / 72). Biases begin near 0."""
    convolution = MaskedConvolution("A", 3, 300, 7)
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / 72) ** 0.5, rel=0.02)
    assert convolution.bias is not None
    assert 0 < float(convolution.bias.detach().abs().max()) <= 1e-4


def test_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size is 4, but a mask needs a middle pixel"):
        MaskedConvolution("A", 1, 1, 4)
    with pytest.raises(ValueError, match=r"kernel_size is \(1, 2\)"):
        MaskedConvolution("B", 1, 1, (1, 2))
    with pytest.raises(ValueError, match="out_channels is 4, but 3 colours have as many maps each"):
        MaskedConvolution("A", 3, 4, 3, colours=3)
    with pytest.raises(ValueError, match="in_channels is 4, but 3 colours"):
        MaskedConvolution("B", 4, 3, 3, colours=3)
