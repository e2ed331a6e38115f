"""Stacks of convolutions, each with stride, padding and pooling of its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from torch import Tensor, nn

from lab.backbones.backbone import Backbone, check_axes
from lab.backbones.layers import (
    Activation,
    Initialisation,
    activation_layer,
    choose,
    dropout_layer,
    initialise,
    per_layer,
)
from lab.backbones.mlp import MLPConfig


class GlobalAverage(nn.Module):
    """The mean of each map over its pixels: [B, C, H, W] -> [B, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((-2, -1))


Pooling = Literal["none", "max", "average"]
Readout = Literal["flatten", "average"]
POOLINGS: dict[str, type[nn.Module]] = {"none": nn.Identity, "max": nn.MaxPool2d, "average": nn.AvgPool2d}
READOUTS: dict[str, type[nn.Module]] = {"flatten": nn.Flatten, "average": GlobalAverage}
NO_LAYERS = MLPConfig(widths=())


@dataclass(frozen=True, kw_only=True)
class ConvolutionConfig:
    """Layers of convolution, batch norm, activation, pooling, dropout; then fully connected ones if wanted.

    Every setting of a layer is given once for all layers, or as a tuple with one value a layer. The network
    of Mnih et al. 2015 (DQN) is `channels=(32, 64, 64), kernel_size=(8, 4, 3), stride=(4, 2, 1), padding=0,
    dense=MLPConfig(widths=(512,))`.
    """

    channels: tuple[int, ...] = (16, 32)  # filters of each layer
    kernel_size: int | tuple[int, ...] = 3  # pixels
    stride: int | tuple[int, ...] = 1  # pixels
    padding: int | tuple[int, ...] = 1  # pixels of zeros on every side
    pooling: Pooling | tuple[Pooling, ...] = "none"
    pool_size: int | tuple[int, ...] = 2  # pixels
    pool_stride: int | tuple[int, ...] = 2  # pixels; below pool_size the windows overlap
    activation: Activation = "relu"
    initialisation: Initialisation = "torch"
    batch_norm: bool | tuple[bool, ...] = False
    dropout: float | tuple[float, ...] = 0.0  # share of units dropped
    readout: Readout = "flatten"  # what becomes of the last maps; "average" is over their pixels
    dense: MLPConfig = NO_LAYERS  # fully connected layers after the readout

    example_shape: ClassVar[tuple[int, ...]] = (2, 6, 5)

    def build(self, input_shape: tuple[int, ...]) -> Convolution:
        return Convolution(self, input_shape)


class Convolution(Backbone):
    """[B, C, H, W] -> [B, out_features]; `maps` gives the last layer's maps, of shape `map_shape`."""

    def __init__(self, config: ConvolutionConfig, input_shape: tuple[int, ...]):
        check_axes("Convolution", input_shape, "C H W")
        layers, map_shape = stack(config, input_shape)
        flat = prod(map_shape) if config.readout == "flatten" else map_shape[0]
        dense = config.dense.build((flat,))
        super().__init__(input_shape, dense.out_features)
        self.config = config
        self.map_shape = map_shape  # (C, H, W)
        self.layers = layers
        self.readout = choose(READOUTS, config.readout, "readout")()
        self.dense = dense
        initialise(self.layers, config.initialisation)

    def maps(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, *map_shape]."""
        self.check(inputs)
        return self.layers(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.dense(self.readout(self.maps(inputs)))


def stack(config: ConvolutionConfig, input_shape: tuple[int, ...]) -> tuple[nn.Sequential, tuple[int, ...]]:
    """The layers of a config, and the shape of the maps that leave the last."""
    num_layers = len(config.channels)
    kernels = per_layer(config.kernel_size, num_layers, "kernel_size")
    strides = per_layer(config.stride, num_layers, "stride")
    paddings = per_layer(config.padding, num_layers, "padding")
    poolings = per_layer(config.pooling, num_layers, "pooling")
    pool_sizes = per_layer(config.pool_size, num_layers, "pool_size")
    pool_strides = per_layer(config.pool_stride, num_layers, "pool_stride")
    batch_norms = per_layer(config.batch_norm, num_layers, "batch_norm")
    dropouts = per_layer(config.dropout, num_layers, "dropout")
    layers = nn.Sequential()
    in_channels, height, width = input_shape
    for i, channels in enumerate(config.channels):
        convolution = nn.Conv2d(in_channels, channels, kernels[i], strides[i], paddings[i], bias=not batch_norms[i])
        layers.add_module(f"convolution_{i}", convolution)
        height, width = (out_size(n, kernels[i], strides[i], paddings[i], i) for n in (height, width))
        if batch_norms[i]:
            layers.add_module(f"batch_norm_{i}", nn.BatchNorm2d(channels))
        layers.add_module(f"activation_{i}", activation_layer(config.activation))
        pool = choose(POOLINGS, poolings[i], "pooling")
        layers.add_module(f"pool_{i}", pool(pool_sizes[i], pool_strides[i]))
        if poolings[i] != "none":
            height, width = (out_size(n, pool_sizes[i], pool_strides[i], 0, i) for n in (height, width))
        layers.add_module(f"dropout_{i}", dropout_layer(dropouts[i]))
        in_channels = channels
    return layers, (in_channels, height, width)


def out_size(size: int, window: int, stride: int, padding: int, layer: int) -> int:
    """How many positions a sliding window takes along an axis of `size` pixels."""
    if window > size + 2 * padding:
        raise ValueError(
            f"Layer {layer} slides a window of {window} pixels over maps that are {size} pixels wide or high "
            f"({size + 2 * padding} with padding), so it fits nowhere. Use a smaller window, more padding, "
            "less stride or pooling before it, fewer layers, or larger inputs."
        )
    return (size + 2 * padding - window) // stride + 1
