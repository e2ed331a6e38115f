"""The multi-layer perceptron, and what holds for every backbone: sizes, refusals, weights that move."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from lab.backbones import MLPConfig


def test_two_layers_by_hand():
    mlp = MLPConfig(widths=(2, 1), activation="relu").build((2,))
    with torch.no_grad():
        mlp.layers.linear_0.weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 1.0]]))
        mlp.layers.linear_0.bias.copy_(torch.tensor([0.5, 0.0]))
        mlp.layers.linear_1.weight.copy_(torch.tensor([[2.0, 3.0]]))
        mlp.layers.linear_1.bias.copy_(torch.tensor([-1.0]))
    # [1, 1]: hidden [3.5, 0], output 7 - 1; [-2, 1]: hidden [0.5, 3], output 1 + 9 - 1
    assert mlp(torch.tensor([[1.0, 1.0], [-2.0, 1.0]])).tolist() == [[6.0], [9.0]]


def test_sizes_and_parameter_count():
    mlp = MLPConfig(widths=(7, 3)).build((2, 5))
    assert (mlp.input_shape, mlp.out_features) == ((2, 5), 3)
    assert mlp(torch.zeros(4, 2, 5)).shape == (4, 3)
    assert sum(p.numel() for p in mlp.parameters()) == 10 * 7 + 7 + 7 * 3 + 3


def test_no_layers_pass_the_flattened_example_on():
    mlp = MLPConfig(widths=()).build((2, 3))
    assert mlp.out_features == 6
    assert mlp(torch.arange(6.0).view(1, 2, 3)).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_batch_norm_stands_before_the_activation_and_replaces_the_bias():
    torch.manual_seed(0)
    mlp = MLPConfig(widths=(4, 4), batch_norm=(True, False), activation="identity").build((3,))
    assert mlp.layers.linear_0.bias is None
    assert mlp.layers.linear_1.bias is not None
    hidden = mlp.layers[:3](torch.randn(64, 3))
    torch.testing.assert_close(hidden.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(hidden.var(0, correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_dropout_of_each_layer_has_its_own_rate():
    torch.manual_seed(0)
    mlp = MLPConfig(widths=(1000, 1000), activation="sigmoid", dropout=(0.0, 0.25)).build((3,))
    inputs = torch.randn(1, 3)
    assert (mlp.layers[:4](inputs) == 0).sum() == 0
    assert 200 < int((mlp(inputs) == 0).sum()) < 300
    mlp.eval()
    assert int((mlp(inputs) == 0).sum()) == 0


def test_weights_move_from_an_autoencoder_to_a_classifier_to_a_q_network():
    """Names depend on the architecture alone, so dropout and activation may differ between the owners."""
    architecture = MLPConfig(widths=(8, 6))
    autoencoder = nn.Sequential(architecture.build((5,)), nn.Linear(6, 5))
    classifier = nn.Sequential(MLPConfig(widths=(8, 6), dropout=0.5, activation="gelu").build((5,)), nn.Linear(6, 3))
    q_network = nn.Sequential(architecture.build((5,)), nn.Linear(6, 2))
    classifier[0].load_state_dict(autoencoder[0].state_dict())
    q_network[0].load_state_dict(classifier[0].state_dict())
    inputs = torch.randn(4, 5)
    assert torch.equal(q_network[0](inputs), autoencoder[0](inputs))


def test_wrong_inputs_are_refused_with_the_way_out():
    mlp = MLPConfig(widths=(3,)).build((4,))
    with pytest.raises(ValueError, match=r"MLP was given inputs of shape \[2, 5\].*built for \[B, 4\].*\(5,\)"):
        mlp(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"batch axis is missing: pass inputs\[None\]"):
        mlp(torch.zeros(4))
    with pytest.raises(ValueError, match=r"type torch.uint8.*inputs.float\(\) / 255"):
        mlp(torch.zeros(2, 4, dtype=torch.uint8))


@pytest.mark.parametrize(("widths", "shape"), [((0,), (4,)), ((3, -1), (4,)), ((3,), (0,))])
def test_empty_layers_are_refused(widths, shape):
    with pytest.raises(ValueError, match="at least one unit"):
        MLPConfig(widths=widths).build(shape)


def test_the_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        MLPConfig().widths = (1,)
