"""Inception networks against the paper's sizes and against a module worked out by hand."""

from __future__ import annotations

import pytest
import torch

from lab.backbones import InceptionConfig
from lab.backbones.inception import InceptionModule, joined_channels


def test_parameters_of_the_papers_inception_3a() -> None:
    module = InceptionModule(192, (64, 96, 128, 16, 32, 32), "relu", batch_norm=False)
    one = 192 * 64 + 64
    three = (192 * 96 + 96) + (96 * 128 * 9 + 128)
    five = (192 * 16 + 16) + (16 * 32 * 25 + 32)
    pool = 192 * 32 + 32
    assert sum(p.numel() for p in module.parameters()) == one + three + five + pool == 163_696
    assert module(torch.zeros(1, 192, 28, 28)).shape == (1, 256, 28, 28)  # as table 1 says


def test_parameters_with_batch_norm() -> None:
    module = InceptionModule(192, (64, 96, 128, 16, 32, 32), "relu", batch_norm=True)
    filters = 64 + 96 + 128 + 16 + 32 + 32
    # Each filter's bias goes, and a scale and a shift come.
    assert sum(p.numel() for p in module.parameters()) == 163_696 + filters


def test_map_shape_is_what_comes_out() -> None:
    config = InceptionConfig(
        stem_channels=3,
        stem_kernel_size=7,
        stem_stride=2,
        stem_pool=True,
        modules=((1, 2, 2, 1, 3, 4), (2, 3, 5, 2, 1, 1), (1, 1, 1, 1, 1, 2)),
        pool=(False, True, False),
    )
    network = config.build((2, 27, 18))
    maps = network.maps(torch.zeros(4, 2, 27, 18))
    assert maps.shape == (4, *network.map_shape) == (4, 5, 4, 3)  # 27 -> 14 -> 7 -> 4; 18 -> 9 -> 5 -> 3
    assert network(torch.zeros(4, 2, 27, 18)).shape == (4, network.out_features) == (4, 5)
    assert [joined_channels(filters) for filters in config.modules] == [10, 9, 5]


def test_a_module_by_hand() -> None:
    """One map with a single 1 in its middle, and every weight 1: each branch counts the windows that see it."""
    module = InceptionModule(1, (1, 2, 1, 1, 1, 1), "relu", batch_norm=False)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0 if parameter.ndim > 1 else 0.0)
    inputs = torch.zeros(1, 1, 7, 7)
    inputs[0, 0, 3, 3] = 1.0
    one, three, five, pool = module(inputs)[0]
    near = torch.zeros(7, 7)
    near[2:5, 2:5] = 1.0
    far = torch.zeros(7, 7)
    far[1:6, 1:6] = 1.0
    torch.testing.assert_close(one, inputs[0, 0])
    torch.testing.assert_close(three, 2 * near)  # two maps between the convolutions, each with the 1
    torch.testing.assert_close(five, far)
    torch.testing.assert_close(pool, near)


def test_the_reducing_convolutions_are_activated() -> None:
    module = InceptionModule(1, (1, 1, 1, 1, 1, 1), "relu", batch_norm=False)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(-1.0 if parameter.ndim > 1 else 0.0)
    # -1 * -1 would be 1, but the ReLU between leaves 0 of the first.
    torch.testing.assert_close(module(torch.ones(1, 1, 5, 5)), torch.zeros(1, 4, 5, 5))


def test_the_features_are_means_over_pixels() -> None:
    torch.manual_seed(0)
    network = InceptionConfig(pool=(False, True)).build((1, 6, 6)).eval()
    inputs = torch.randn(3, 1, 6, 6)
    torch.testing.assert_close(network(inputs), network.maps(inputs).mean((2, 3)))


def test_dropout_acts_on_the_features_while_learning() -> None:
    torch.manual_seed(0)
    network = InceptionConfig(dropout=0.5).build((1, 6, 6))
    inputs = torch.rand(16, 1, 6, 6)
    features = network(inputs)
    means = network.maps(inputs).mean((2, 3))
    kept = features != 0
    torch.testing.assert_close(features[kept], 2 * means[kept])  # what is kept is scaled up by 1 / (1 - 0.5)
    assert 0.3 < kept.sum() / (means != 0).sum() < 0.7


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stem_kernel_size 4.*odd"):
        InceptionConfig(stem_kernel_size=4).build((3, 8, 8))
    with pytest.raises(ValueError, match="at least one module"):
        InceptionConfig(modules=()).build((3, 8, 8))
    with pytest.raises(ValueError, match=r"pool has 1 values.*2 layers"):
        InceptionConfig(pool=(True,)).build((3, 8, 8))
    with pytest.raises(ValueError, match=r"axes \(C, H, W\)"):
        InceptionConfig().build((3, 8))
