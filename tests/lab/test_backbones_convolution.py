"""Convolution stacks against sizes, counts and sums worked out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lab.backbones import ConvolutionConfig, MLPConfig


def test_the_network_of_mnih_et_al():
    config = ConvolutionConfig(
        channels=(32, 64, 64),
        kernel_size=(8, 4, 3),
        stride=(4, 2, 1),
        padding=0,
        dense=MLPConfig(widths=(512,)),
    )
    network = config.build((4, 84, 84))
    # 84 -> (84 - 8) / 4 + 1 = 20 -> (20 - 4) / 2 + 1 = 9 -> 9 - 3 + 1 = 7
    assert network.map_shape == (64, 7, 7)
    assert network.out_features == 512
    convolutions = (4 * 64 * 32 + 32) + (32 * 16 * 64 + 64) + (64 * 9 * 64 + 64)
    assert sum(p.numel() for p in network.parameters()) == convolutions + 3136 * 512 + 512 == 1_684_128
    assert network(torch.zeros(1, 4, 84, 84)).shape == (1, 512)


def test_the_shape_of_alexnet_with_overlapping_pools():
    config = ConvolutionConfig(
        channels=(2, 2, 3, 3, 2),
        kernel_size=(11, 5, 3, 3, 3),
        stride=(4, 1, 1, 1, 1),
        padding=(0, 2, 1, 1, 1),
        pooling=("max", "max", "none", "none", "max"),
        pool_size=3,
    )
    network = config.build((3, 227, 227))
    # 227 -> 55 -> pool 27 -> 27 -> pool 13 -> 13 -> 13 -> 13 -> pool 6
    assert network.map_shape == (2, 6, 6)
    assert network(torch.zeros(1, 3, 227, 227)).shape == (1, 72) == (1, network.out_features)


def test_a_layer_equals_sums_over_its_windows():
    torch.manual_seed(0)
    config = ConvolutionConfig(channels=(2,), kernel_size=3, stride=2, padding=1, activation="identity")
    network = config.build((2, 5, 4)).double()
    image = torch.randn(2, 5, 4, dtype=torch.float64)
    padded = torch.zeros(2, 7, 6, dtype=torch.float64)
    padded[:, 1:6, 1:5] = image
    layer = network.layers.convolution_0
    expected = torch.zeros(2, 3, 2, dtype=torch.float64)
    for channel in range(2):
        for row in range(3):
            for column in range(2):
                window = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
                expected[channel, row, column] = (layer.weight[channel] * window).sum() + layer.bias[channel]
    torch.testing.assert_close(network.maps(image[None])[0], expected)
    assert network.map_shape == (2, 3, 2)


@pytest.mark.parametrize(("pooling", "expected"), [("max", [6.0, 8.0]), ("average", [3.5, 5.5])])
def test_pooling_by_hand(pooling, expected):
    config = ConvolutionConfig(channels=(1,), kernel_size=1, padding=0, pooling=pooling, activation="identity")
    network = config.build((1, 2, 4))
    with torch.no_grad():
        network.layers.convolution_0.weight.fill_(1.0)
        network.layers.convolution_0.bias.zero_()
    image = torch.tensor([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]])
    assert network(image).tolist() == [expected]


def test_a_layer_convolves_normalises_activates_and_pools_in_this_order():
    torch.manual_seed(0)
    config = ConvolutionConfig(channels=(3,), activation="gelu", pooling="average", batch_norm=True)
    network = config.build((2, 6, 4))
    inputs = torch.randn(5, 2, 6, 4)
    convolved = F.conv2d(inputs, network.layers.convolution_0.weight, padding=1)
    normalised = (convolved - convolved.mean((0, 2, 3), keepdim=True)) / (
        convolved.var((0, 2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(network.maps(inputs), F.avg_pool2d(F.gelu(normalised), 2))


def test_average_readout_is_the_mean_of_each_map():
    network = ConvolutionConfig(channels=(3, 5), readout="average").build((2, 6, 5))
    inputs = torch.randn(4, 2, 6, 5)
    assert network.out_features == 5
    torch.testing.assert_close(network(inputs), network.maps(inputs).mean((2, 3)))


def test_batch_norm_and_dropout_of_each_layer():
    network = ConvolutionConfig(channels=(3, 4), batch_norm=(False, True), dropout=(0.5, 0.0)).build((1, 4, 4))
    names = [name for name, _ in network.layers.named_children()]
    assert "batch_norm_0" not in names
    assert "batch_norm_1" in names
    assert network.layers.convolution_0.bias is not None
    assert network.layers.convolution_1.bias is None
    assert [network.layers[names.index(f"dropout_{i}")].__class__.__name__ for i in (0, 1)] == [
        "Dropout",
        "Identity",
    ]


def test_a_window_that_fits_nowhere_is_refused():
    config = ConvolutionConfig(channels=(2, 2), kernel_size=3, padding=0, pooling=("max", "none"))
    with pytest.raises(ValueError, match="Layer 1 slides a window of 3 pixels over maps that are 1 pixels"):
        config.build((1, 4, 4))


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"axes \(C, H, W\)"):
        ConvolutionConfig().build((28, 28))
    with pytest.raises(ValueError, match="pooling is 'mean'"):
        ConvolutionConfig(pooling="mean").build((1, 8, 8))
    with pytest.raises(ValueError, match=r"stride has 3 values.*2 layers"):
        ConvolutionConfig(stride=(1, 1, 2)).build((1, 8, 8))
