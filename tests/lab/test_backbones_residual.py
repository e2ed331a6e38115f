"""Residual networks against the paper's parameter counts and against blocks set by hand."""

from __future__ import annotations

import pytest
import torch

from lab.backbones import ResidualConfig


def test_parameter_count_of_resnet_20():
    network = ResidualConfig(channels=(16, 32, 64), blocks=3).build((3, 32, 32))
    stem = 3 * 16 * 9 + 32  # batch norm has a scale and a shift for each map, the convolutions no bias
    first = 6 * 16 * 16 * 9 + 6 * 32
    second = 16 * 32 * 9 + 5 * 32 * 32 * 9 + 6 * 64 + (16 * 32 + 64)  # the last is the projection
    third = 32 * 64 * 9 + 5 * 64 * 64 * 9 + 6 * 128 + (32 * 64 + 128)
    assert sum(p.numel() for p in network.parameters()) == stem + first + second + third == 271_824
    assert network.map_shape == (64, 8, 8)
    assert network.out_features == 64


def test_map_shape_is_what_comes_out():
    network = ResidualConfig(channels=(2, 3, 4), blocks=(1, 2, 1), stem_kernel_size=7, stem_stride=2).build((1, 27, 18))
    maps = network.maps(torch.zeros(2, 1, 27, 18))
    assert maps.shape == (2, *network.map_shape) == (2, 4, 4, 3)  # 27 -> 14 -> 7 -> 4; 18 -> 9 -> 5 -> 3
    assert network(torch.zeros(2, 1, 27, 18)).shape == (2, 4)


@pytest.mark.parametrize("shortcut", [True, False])
def test_without_its_convolutions_a_block_is_the_identity_and_a_plain_one_is_nothing(shortcut):
    network = ResidualConfig(channels=(3,), blocks=1, shortcut=shortcut, batch_norm=False).build((3, 4, 4))
    inputs = torch.rand(2, 3, 4, 4)  # not negative, so the last ReLU keeps it
    with torch.no_grad():
        for parameter in network.blocks.parameters():
            parameter.zero_()
    torch.testing.assert_close(network.blocks(inputs), inputs if shortcut else torch.zeros_like(inputs))


def test_a_block_by_its_formula():
    torch.manual_seed(0)
    network = ResidualConfig(channels=(2, 4), blocks=(0, 1), batch_norm=False, activation="tanh").build((2, 6, 6))
    block = network.blocks[0]
    inputs = torch.randn(1, 2, 6, 6)
    first, second, across = block.residual[0][0], block.residual[3][0], block.shortcut[0]
    torch.testing.assert_close(block(inputs), torch.tanh(second(torch.tanh(first(inputs))) + across(inputs)))
    assert (first.stride, second.stride, across.stride, across.kernel_size) == ((2, 2), (1, 1), (2, 2), (1, 1))


def test_plain_network_has_the_same_convolutions_without_projections():
    residual = ResidualConfig(channels=(2, 3), blocks=2).build((1, 8, 8))
    plain = ResidualConfig(channels=(2, 3), blocks=2, shortcut=False).build((1, 8, 8))
    projection = 2 * 3 + 6
    count = [sum(p.numel() for p in network.parameters()) for network in (residual, plain)]
    assert count[0] - count[1] == projection


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"stem_kernel_size 4.*odd"):
        ResidualConfig(stem_kernel_size=4).build((3, 8, 8))
    with pytest.raises(ValueError, match="at least one stage"):
        ResidualConfig(channels=()).build((3, 8, 8))
    with pytest.raises(ValueError, match=r"axes \(C, H, W\)"):
        ResidualConfig().build((3, 8))
