"""Noisy layers: the structure and size of the noise, where it comes from, and that it is part of the state."""

from __future__ import annotations

from copy import deepcopy
from math import pi, sqrt

import pytest
import torch
from torch import Tensor, nn

from agents.noisy import NoisyLinear, resample


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def effective(layer: NoisyLinear) -> tuple[Tensor, Tensor]:
    """The weights and bias that a layer multiplies with and adds, found out from its outputs."""
    with torch.no_grad():
        one_each = torch.eye(layer.weight.shape[1], dtype=layer.weight.dtype)
        bias = layer(0 * one_each[:1])[0]
        return (layer(one_each) - bias).t(), bias


def noise_of(layer: NoisyLinear) -> tuple[Tensor, Tensor]:
    """The noise of each weight and bias, before its sigma."""
    weight, bias = effective(layer)
    return (weight - layer.weight) / layer.weight_sigma, (bias - layer.bias) / layer.bias_sigma


def test_by_hand() -> None:
    """One weight: y = (w + s e_out e_in) x + b + t e_out, and its derivatives."""
    layer = NoisyLinear(1, 1)
    values = {"weight": 2.0, "bias": -1.0, "weight_sigma": 0.5, "bias_sigma": 0.25, "noise_in": 3.0, "noise_out": -4.0}
    layer.load_state_dict({name: torch.full_like(layer.state_dict()[name], value) for name, value in values.items()})
    inputs = torch.tensor([[10.0]], requires_grad=True)
    outputs = layer(inputs)
    assert outputs.item() == (2 + 0.5 * -12) * 10 - 1 + 0.25 * -4  # -42
    outputs.sum().backward()
    slopes = {name: parameter.grad.item() for name, parameter in layer.named_parameters() if parameter.grad is not None}
    # by sigma: e_out e_in x and e_out
    assert slopes == {"weight": 10.0, "bias": 1.0, "weight_sigma": -120.0, "bias_sigma": -4.0}
    assert inputs.grad is not None
    assert inputs.grad.item() == 2 + 0.5 * -12


def test_noise_is_a_product_of_one_number_an_input_and_one_an_output() -> None:
    """Not independent in each weight, of which the sizes sigma_0 / sqrt(in) of factorised noise would be wrong."""
    layer = NoisyLinear(6, 4).double()
    resample(layer, generator())
    weight, bias = noise_of(layer)
    assert torch.linalg.matrix_rank(weight, rtol=1e-9) == 1
    torch.testing.assert_close(bias, layer.noise_out)  # the noise of a bias is that of its output
    torch.testing.assert_close(weight, torch.outer(layer.noise_out, layer.noise_in))


def test_moments() -> None:
    layer = NoisyLinear(4096, 4096)
    resample(layer, generator())
    for noise in (layer.noise_in, layer.noise_out):
        # E f = 0, E f^2 = E|x| = sqrt(2/pi), E f^4 = E x^2 = 1; deviations of means of 4096: 0.014, 0.0095, 0.022
        assert noise.mean().abs() < 0.06
        assert (noise.square().mean() - sqrt(2 / pi)).abs() < 0.04
        assert (noise.pow(4).mean() - 1).abs() < 0.09
        assert noise.sign().mean().abs() < 0.07
    product = torch.outer(layer.noise_out, layer.noise_in)
    assert (product.square().mean() - 2 / pi).abs() < 0.05
    assert torch.corrcoef(torch.stack([layer.noise_in, layer.noise_out]))[0, 1].abs() < 0.07


def test_initial_values() -> None:
    torch.manual_seed(0)
    layer = NoisyLinear(100, 400, sigma_0=0.3)
    for mean in (layer.weight, layer.bias):
        assert mean.abs().max() <= 0.1  # 1 / sqrt(100)
        assert mean.abs().max() > 0.099
        assert mean.std().item() == pytest.approx(0.1 / sqrt(3), rel=0.1)
    for sigma in (layer.weight_sigma, layer.bias_sigma):
        torch.testing.assert_close(sigma.detach(), torch.full_like(sigma, 0.03))
        assert sigma.requires_grad


def test_no_noise_in_evaluation_nor_before_the_first_draw() -> None:
    layer, inputs = NoisyLinear(3, 2), torch.randn(5, 3)
    mean = nn.functional.linear(inputs, layer.weight, layer.bias)
    assert torch.equal(layer(inputs), mean)
    resample(layer, generator())
    assert not torch.allclose(layer(inputs), mean)
    assert torch.equal(layer.eval()(inputs), mean)
    assert not torch.allclose(layer.train()(inputs), mean)


def test_a_draw_reaches_all_layers_depends_on_the_generator_alone_and_touches_no_other() -> None:
    network = nn.Sequential(NoisyLinear(5, 4), nn.Sequential(nn.ReLU(), NoisyLinear(4, 3)), nn.Linear(3, 2))
    twin, stream = deepcopy(network), generator()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    resample(network, stream)
    assert torch.equal(torch.get_rng_state(), before)
    first = [noise.clone() for noise in network.buffers()]
    assert all(bool(noise.all()) for noise in first)
    assert len({value for noise in first for value in noise.tolist()}) == 5 + 4 + 4 + 3  # each drawn for itself
    torch.manual_seed(2)
    resample(twin, generator())
    assert all(torch.equal(*pair) for pair in zip(twin.buffers(), first, strict=True))
    resample(network, stream)
    assert not any(torch.equal(*pair) for pair in zip(network.buffers(), first))
    resample(nn.Linear(2, 2), stream)  # nothing noisy, nothing drawn


def test_noise_drawn_without_gradients_serves_an_update() -> None:
    """An agent acts in inference mode, and what it drew there may be what it learns with."""
    layer = NoisyLinear(3, 2)
    with torch.inference_mode():
        resample(layer, generator())
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.weight_sigma.grad is not None
    torch.testing.assert_close(layer.weight_sigma.grad, torch.outer(layer.noise_out, layer.noise_in))


def test_noise_is_state() -> None:
    """What a saved layer computes and draws next is what the layer itself computes and draws next."""
    layer, stream = NoisyLinear(4, 3), generator()
    resample(layer, stream)
    state, stream_state = deepcopy(layer.state_dict()), stream.get_state()
    resumed, resumed_stream, inputs = NoisyLinear(4, 3), generator(7), torch.randn(2, 4)
    resumed.load_state_dict(state)
    resumed_stream.set_state(stream_state)
    assert torch.equal(resumed(inputs), layer(inputs))
    resample(layer, stream)
    resample(resumed, resumed_stream)
    assert torch.equal(resumed(inputs), layer(inputs))


def test_few_bits_carry_the_same_noise() -> None:
    layer = NoisyLinear(64, 32, sigma_0=0.5)
    few = deepcopy(layer).bfloat16()
    resample(layer, generator())
    resample(few, generator())
    assert few.noise_in.dtype == torch.bfloat16
    assert torch.equal(few.noise_in, layer.noise_in.bfloat16())
    inputs = torch.randn(8, 64)
    outputs = few(inputs.bfloat16())
    assert outputs.dtype == torch.bfloat16
    torch.testing.assert_close(outputs.float(), layer(inputs), atol=0.05, rtol=0.05)


def test_sigma_0_is_checked() -> None:
    with pytest.raises(ValueError, match=r"sigma_0 is -0\.5.*Set it to 0 or more"):
        NoisyLinear(2, 2, sigma_0=-0.5)
