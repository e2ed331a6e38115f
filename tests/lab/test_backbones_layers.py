"""Activations, initialisations and per-layer settings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lab.backbones import MLPConfig, activation_layer, initialise, memory_format, per_layer
from lab.seeding import Seeds


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", [-2.0, 0.0, 1.0]),
        ("sigmoid", [0.119203, 0.5, 0.731059]),
        ("tanh", [-0.964028, 0.0, 0.761594]),
        ("relu", [0.0, 0.0, 1.0]),
        ("leaky_relu", [-0.02, 0.0, 1.0]),
        ("leaky_relu_0.2", [-0.4, 0.0, 1.0]),
        ("gelu", [-0.045500, 0.0, 0.841345]),  # x times the normal distribution function
    ],
)
def test_activations_give_the_numbers_of_their_formulas(name, expected):
    torch.testing.assert_close(
        activation_layer(name)(torch.tensor([-2.0, 0.0, 1.0])), torch.tensor(expected), atol=1e-6, rtol=0
    )


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"activation is 'leakyrelu'.*Did you mean 'leaky_relu'"):
        activation_layer("leakyrelu")
    with pytest.raises(ValueError, match=r"initialisation is 'xaver'.*Did you mean 'xavier'"):
        initialise(nn.Linear(2, 2), "xaver")


@pytest.mark.parametrize(
    ("initialisation", "variance"),
    [("zeros", 0.0), ("fan_in", 1 / 300), ("xavier", 2 / (300 + 500)), ("he", 2 / 300), ("large", 1.0)],
)
def test_variance_of_a_linear_layer(initialisation, variance):
    torch.manual_seed(0)
    layer = nn.Linear(300, 500)
    initialise(layer, initialisation)
    # 150,000 draws: the sample variance strays from the true one by 0.4 % (one standard deviation)
    assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.02)
    # and the sample mean by 1 / sqrt(150,000) = 0.0026 deviations: four of these are allowed
    assert float(layer.weight.detach().mean()) == pytest.approx(0.0, abs=0.0104 * variance**0.5)
    assert not layer.bias.any()


@pytest.mark.parametrize(("initialisation", "gain"), [("he", 1.0), ("large", (128 / 2) ** 0.5)])
def test_signals_keep_their_size_through_relu_layers_with_he_and_grow_with_large(initialisation, gain):
    torch.manual_seed(0)
    network = MLPConfig(widths=(128,) * 4, initialisation=initialisation).build((128,))
    inputs = torch.randn(1_000, 128)
    # A layer multiplies the mean square by fan_in * variance, of which ReLU leaves half.
    assert float(network(inputs).detach().square().mean().sqrt()) == pytest.approx(gain**4, rel=0.15)


@pytest.mark.parametrize(
    ("initialisation", "variance"), [("fan_in", 1 / 90), ("xavier", 2 / (90 + 360)), ("he", 2 / 90)]
)
def test_fans_of_a_convolution_count_the_pixels_of_its_kernel(initialisation, variance):
    torch.manual_seed(0)
    layer = nn.Conv2d(10, 40, 3)  # 90 numbers enter an output, and an input enters 40 * 9 = 360
    initialise(layer, initialisation)
    assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.1)


def test_gates_of_a_recurrent_layer_are_drawn_one_by_one():
    torch.manual_seed(0)
    layer = nn.LSTM(50, 100)  # torch stores the four gates as one matrix [400, 50]
    initialise(layer, "xavier")
    assert float(layer.weight_ih_l0.detach().var()) == pytest.approx(2 / (50 + 100), rel=0.05)
    assert float(layer.weight_hh_l0.detach().var()) == pytest.approx(2 / (100 + 100), rel=0.05)
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()


def test_torch_leaves_its_own_draws():
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    initialise(layer, "torch")
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("initialisation", ["torch", "fan_in", "xavier", "he"])
def test_initial_weights_come_from_the_named_stream(initialisation):
    config = MLPConfig(widths=(7,), initialisation=initialisation)

    def first_weights(root: int) -> torch.Tensor:
        with Seeds(root).initialising("network"):
            return config.build((3,)).layers.linear_0.weight.detach()

    before = torch.get_rng_state()
    assert torch.equal(first_weights(0), first_weights(0))
    assert not torch.equal(first_weights(0), first_weights(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_setting_is_meant_for_all_layers_or_for_each():
    assert per_layer(0.5, 3, "dropout") == (0.5, 0.5, 0.5)
    assert per_layer((0.1, 0.2), 2, "dropout") == (0.1, 0.2)
    with pytest.raises(ValueError, match=r"dropout has 2 values \(0.1, 0.2\) but there are 3 layers.*or 3"):
        per_layer((0.1, 0.2), 3, "dropout")


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(4, 8), torch.contiguous_format),
        (nn.Conv2d(1, 8, 3), torch.channels_last),
        (nn.Conv2d(16, 8, 1, stride=2), torch.channels_last),
        (nn.Conv2d(4, 8, 1), torch.channels_last),
        (nn.Conv2d(4, 8, 3, stride=2), torch.channels_last),
        (nn.Conv2d(4, 8, 1, stride=2), torch.contiguous_format),  # where oneDNN writes past its memory
    ],
)
def test_images_lie_channels_last_where_that_is_safe(layer: nn.Module, expected: torch.memory_format) -> None:
    assert memory_format(nn.Sequential(layer, nn.ReLU())) == expected
