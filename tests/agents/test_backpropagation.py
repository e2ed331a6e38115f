"""Backpropagation written out, against autograd."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from agents.backpropagation import PlainNetwork, is_plain
from lab.backbones import ConvolutionConfig, MLPConfig


@pytest.mark.parametrize("widths", [(3,), (5, 4), (16, 8, 32)])
def test_equals_autograd(widths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(MLPConfig(widths=widths).build((2, 3)), nn.Linear(widths[-1], 2)).double()
    inputs, slope = torch.randn(7, 2, 3).double(), torch.randn(7, 2).double()
    outputs = network(inputs)
    expected = torch.autograd.grad(outputs, list(network.parameters()), slope)
    plain = PlainNetwork([layer for layer in network.modules() if isinstance(layer, nn.Linear)])
    passed = plain.forward(inputs)
    torch.testing.assert_close(passed[-1], outputs.detach())
    gradient = plain.gradient(passed, slope)
    torch.testing.assert_close(gradient, torch.cat([piece.flatten() for piece in expected]))
    assert gradient.abs().min() < gradient.abs().max()


def test_by_hand() -> None:
    first, second = nn.Linear(1, 2), nn.Linear(2, 1)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[2.0], [-1.0]]))
        first.bias.copy_(torch.tensor([1.0, 0.5]))
        second.weight.copy_(torch.tensor([[3.0, 4.0]]))
        second.bias.copy_(torch.tensor([-1.0]))
    plain = PlainNetwork([first, second])
    passed = plain.forward(torch.tensor([[1.0]]))
    # hidden: relu(2 + 1) = 3 and relu(-1 + 0.5) = 0; output: 3 * 3 - 1 = 8
    assert [values.tolist() for values in passed] == [[[1.0]], [[3.0, 0.0]], [[8.0]]]
    # with slope 10 at the output: second weight 30, 0 and bias 10; first unit 10 * 3 = 30, the second is shut
    assert plain.gradient(passed, torch.tensor([[10.0]])).tolist() == [30.0, 0.0, 30.0, 0.0, 30.0, 0.0, 10.0]


def test_the_layers_follow_the_vector() -> None:
    layers = [nn.Linear(3, 4), nn.Linear(4, 2)]
    before = [p.clone() for layer in layers for p in layer.parameters()]
    plain = PlainNetwork(layers)
    assert all(torch.equal(p, old) for p, old in zip((p for layer in layers for p in layer.parameters()), before))
    with torch.no_grad():
        plain.vector.zero_()
    assert not any(p.any() for layer in layers for p in layer.parameters())
    layers[1].load_state_dict({"weight": torch.ones(2, 4), "bias": torch.ones(2)})
    assert plain.vector.sum() == 10
    assert plain.forward(torch.zeros(1, 3))[-1].tolist() == [[1.0, 1.0]]


def test_a_copy_is_one_vector_again() -> None:
    layers = [nn.Linear(3, 4), nn.Linear(4, 2)]
    plain = PlainNetwork(layers)
    copied, copied_layers = deepcopy((plain, layers))
    assert torch.equal(copied.vector, plain.vector)
    with torch.no_grad():
        copied.vector.fill_(1.0)
    assert all(bool((p == 1).all()) for layer in copied_layers for p in layer.parameters())
    assert not (plain.vector == 1).any()
    passed = copied.forward(torch.ones(1, 3))
    assert passed[-1].tolist() == [[17.0, 17.0]]  # four units of 3 + 1, and 1
    # by the last bias 1; by each last weight a unit's 4; by the first biases and weights 1 along both ways
    expected = [2.0] * 16 + [4.0] * 8 + [1.0] * 2
    assert copied.gradient(passed, torch.ones(1, 2)).tolist() == expected


def test_what_counts_as_plain() -> None:
    assert is_plain(MLPConfig(widths=(4, 4)).build((3,)))
    assert not is_plain(MLPConfig(widths=(4,), activation="tanh").build((3,)))
    assert not is_plain(MLPConfig(widths=(4,), dropout=0.5).build((3,)))
    assert not is_plain(MLPConfig(widths=(4,), batch_norm=True).build((3,)))
    assert not is_plain(ConvolutionConfig(channels=(2,)).build((1, 8, 8)))
