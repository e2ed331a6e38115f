"""The sizes that the experiments on Fashion-MNIST state: parameters, and multiplications an image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from experiments.supervised import resnet_fashion, shapes_fashion
from lab.backbones import Backbone
from lab.config import from_json, to_json

SIZES = {  # parameters with the head, millions of multiplications an image
    "lenet": (61_706, 0.42),
    "alexnet": (195_130, 6.47),
    "vgg": (124_442, 6.40),
    "inception": (46_154, 4.63),
    "resnet": (123_914, 6.69),
}


def sizes(backbone: Backbone) -> tuple[int, float]:
    network = nn.Sequential(backbone, nn.Linear(backbone.out_features, 10)).eval()
    multiplications = 0

    def count(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal multiplications
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        multiplications += layer.weight[0].numel() * output[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, *backbone.input_shape))
    return sum(p.numel() for p in network.parameters()), multiplications / 1e6


def test_lenet_5_by_hand() -> None:
    convolutions = (6 * 25 + 6) + (16 * 6 * 25 + 16)
    dense = (16 * 5 * 5 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10)
    multiplications = 6 * 25 * 28 * 28 + 16 * 6 * 25 * 10 * 10 + 16 * 5 * 5 * 120 + 120 * 84 + 84 * 10
    backbone = shapes_fashion.shapes(1.0)["lenet"].build((1, 28, 28))
    assert sizes(backbone) == (convolutions + dense, multiplications / 1e6)
    assert convolutions + dense == SIZES["lenet"][0]


@pytest.mark.parametrize("name", SIZES)
def test_every_shape_has_the_size_that_its_experiment_states(name: str) -> None:
    arm = shapes_fashion.variants(shapes_fashion.Config())[name]
    parameters, millions = sizes(arm.backbone.build((1, 28, 28)))
    assert (parameters, round(millions, 2)) == SIZES[name]
    assert f"{parameters:,}" in (shapes_fashion.__doc__ or "")
    assert from_json(shapes_fashion.Config, to_json(arm)) == arm  # no shape is taken for another in a file


def test_the_arms_are_all_the_shapes() -> None:
    assert list(shapes_fashion.variants(shapes_fashion.Config())) == list(SIZES)


def test_half_the_width_is_about_a_quarter_of_the_cost() -> None:
    for name, shape in shapes_fashion.shapes(0.5).items():
        half, whole = sizes(shape.build((1, 28, 28)))[1], SIZES[name][1]
        assert 0.2 * whole < half < 0.45 * whole  # the first layer reads one channel at any width


def test_resnet_fashion_has_fewer_than_a_million_parameters() -> None:
    parameters, millions = sizes(resnet_fashion.Config().backbone.build((1, 28, 28)))
    assert parameters < 1_000_000
    assert f"{parameters:,} parameters" in (resnet_fashion.Config.__doc__ or "")
    assert f"{millions:.1f} million multiplications" in (resnet_fashion.__doc__ or "").replace("\n", " ")
