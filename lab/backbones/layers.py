"""What the backbones share: activations and initialisations by name, and settings given once or per layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from lab.ranges import check_name

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky_relu", "leaky_relu_0.2", "gelu"]
Initialisation = Literal["torch", "zeros", "fan_in", "xavier", "he", "large"]
Entry = TypeVar("Entry")

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 below zero
    "leaky_relu_0.2": partial(nn.LeakyReLU, 0.2),  # that of adversarial networks: Radford et al. 2016, section 3
    "gelu": nn.GELU,
}

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "zeros": lambda fan_in, fan_out: 0.0,
    "fan_in": lambda fan_in, fan_out: 1 / fan_in,  # LeCun et al. 1998, "Efficient BackProp"
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),  # Glorot and Bengio 2010, equation 12
    "he": lambda fan_in, fan_out: 2 / fan_in,  # He et al. 2015, equation 10
    "large": lambda fan_in, fan_out: 1.0,  # the wrong choice, shown: a layer multiplies signals by sqrt(fan_in)
}


def activation_layer(name: Activation) -> nn.Module:
    return choose(ACTIVATIONS, name, "activation")()


def dropout_layer(rate: float) -> nn.Module:
    """Dropout that costs nothing at rate 0."""
    return nn.Dropout(rate) if rate else nn.Identity()


def memory_format(network: nn.Module) -> torch.memory_format:
    """How its images [B, C, H, W] lie best: channels last for a network that convolves, half again as fast on a CPU.

    Not where oneDNN would then write past its memory: in the gradient of a 1x1 convolution with a stride over fewer
    channels than a vector holds, 8 with AVX2 and 16 with AVX-512 (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    overruns = any(c.kernel_size == (1, 1) and c.stride != (1, 1) and c.in_channels < 16 for c in convolutions)
    return torch.channels_last if convolutions and not overruns else torch.contiguous_format


@torch.no_grad()
def initialise(module: nn.Module, initialisation: Initialisation) -> None:
    """Draws the weights of every linear, convolutional and recurrent layer inside from a normal distribution.

    Its variance is 0 ("zeros"), 1/fan_in, 2/(fan_in + fan_out) ("xavier") or 2/fan_in ("he"); biases become
    0. "torch" leaves what torch's own constructors drew. Draws come from torch's global generator. Two are there to be
    compared with, not to be used: "zeros", of which hidden units never become different, and "large", a variance of 1
    whatever the fan-in, with which signals and gradients grow from layer to layer until they saturate or overflow.
    """
    if initialisation == "torch":
        return
    variance = choose(VARIANCES, initialisation, "initialisation")
    for layer in module.modules():
        if not isinstance(layer, nn.Linear | _ConvNd | nn.RNNBase):
            continue
        for parameter in layer.parameters(recurse=False):
            if parameter.ndim == 1:
                parameter.zero_()
                continue
            for weight in gates(layer, parameter):
                weight.normal_(0.0, sqrt(variance(*fans(weight))))


def gates(layer: nn.Module, weight: Tensor) -> tuple[Tensor, ...]:
    """The matrices that torch keeps in one: an LSTM's four gates lie on top of each other, a GRU's three."""
    if isinstance(layer, nn.RNNBase):
        return weight.split(layer.hidden_size)
    return (weight,)


def fans(weight: Tensor) -> tuple[int, int]:
    """How many numbers enter one output, and how many outputs one number enters (per position)."""
    return weight[0].numel(), weight.shape[0] * weight[0, 0].numel()


def per_layer(setting: Entry | tuple[Entry, ...], num_layers: int, name: str) -> tuple[Entry, ...]:
    """One value a layer: a single one is meant for all."""
    if not isinstance(setting, tuple):
        return (setting,) * num_layers
    if len(setting) != num_layers:
        raise ValueError(
            f"{name} has {len(setting)} values {setting} but there are {num_layers} layers, so it is "
            f"unclear which layer each belongs to. Give one value for all, or {num_layers}."
        )
    return setting


def choose(table: Mapping[str, Entry], name: str, setting: str) -> Entry:
    """The entry of that name."""
    check_name(name, table, setting)
    return table[name]
