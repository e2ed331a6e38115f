"""HalfPrecision: arithmetic in bfloat16 over weights in float32."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from lab.precision import HalfPrecision, has_bfloat16


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


def test_gradients_are_float32_and_near_those_of_float32() -> None:
    master = network()
    half, inputs = HalfPrecision(master), torch.randn(16, 3)
    rounded = half.gradients(half.network(inputs.bfloat16()).float().square().mean())
    master(inputs).square().mean().backward()
    for found, parameter in zip(rounded, master.parameters(), strict=True):
        assert found.dtype == torch.float32
        assert parameter.grad is not None
        torch.testing.assert_close(found, parameter.grad, rtol=0.05, atol=0.02)
        assert not torch.equal(found, parameter.grad)  # it is the copy that computed


def test_the_master_keeps_steps_that_bfloat16_would_round_away() -> None:
    """1 + 2^-10 is 1 in bfloat16, whose numbers near 1 lie 2^-7 apart; eight such steps are not."""
    master = nn.Linear(1, 1, bias=False)
    nn.init.ones_(master.weight)
    half = HalfPrecision(master)
    for _ in range(8):
        with torch.no_grad():
            master.weight += 2**-10
        half.refresh()
    assert master.weight.item() == 1 + 2**-7
    assert half.network.weight.item() == 1 + 2**-7


def test_refresh_follows_the_weights_and_nothing_else_does() -> None:
    master = network()
    half = HalfPrecision(master)
    before = deepcopy(half.network.state_dict())
    with torch.no_grad():
        for parameter in master.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in half.network.state_dict().items())
    half.refresh()
    for name, value in half.network.state_dict().items():
        assert torch.equal(value, master.state_dict()[name].bfloat16())


def test_a_copy_of_the_pair_is_a_pair() -> None:
    half = HalfPrecision(network())
    copied = deepcopy(half)
    with torch.no_grad():
        copied.master[0].weight.fill_(3.0)
    copied.refresh()
    assert copied.network[0].weight.unique().tolist() == [3.0]
    assert not (half.network[0].weight == 3.0).any()


def test_gradients_are_of_what_takes_one() -> None:
    master = network()
    master[0].requires_grad_(False)
    half = HalfPrecision(master)
    found = half.gradients(half.network(torch.randn(4, 3).bfloat16()).float().sum())
    assert [gradient.shape for gradient in found] == [parameter.shape for parameter in master[2].parameters()]
    assert found[1].tolist() == [4.0, 4.0], "the slope of a sum of outputs by a bias is the number of rows"


def test_says_whether_the_device_has_bfloat16() -> None:
    assert isinstance(has_bfloat16(torch.device("cpu")), bool)


def test_gradients_lie_in_memory_as_their_parameters_do() -> None:
    torch.manual_seed(0)
    master = nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
    half = HalfPrecision(master)
    inputs = torch.randn(2, 4, 7, 7, dtype=torch.bfloat16)  # contiguous, so that gradients may come out otherwise
    for gradient, parameter in zip(half.gradients(half.network(inputs).float().sum()), master.parameters()):
        assert gradient.stride() == parameter.stride()
