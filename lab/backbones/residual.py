"""Residual networks of basic blocks, and the plain networks they are compared with.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition" (section 4.2: the CIFAR-10 family).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from lab.backbones.backbone import Backbone, check_axes
from lab.backbones.convolution import GlobalAverage, out_size
from lab.backbones.layers import (
    Activation,
    Initialisation,
    activation_layer,
    dropout_layer,
    initialise,
    per_layer,
)


@dataclass(frozen=True, kw_only=True)
class ResidualConfig:
    """A stem, then stages of basic blocks; each stage after the first halves height and width.

    `channels=(16, 32, 64), blocks=3` is the paper's ResNet-20 (with projections where the shape changes), and
    `channels=(64, 128, 256, 512), blocks=2, stem_kernel_size=7, stem_stride=2, stem_pool=True` its ResNet-18.
    """

    channels: tuple[int, ...] = (16, 32)  # filters of each stage
    blocks: int | tuple[int, ...] = 1  # basic blocks (two convolutions each), for all stages or one a stage
    stem_kernel_size: int = 3  # pixels, odd
    stem_stride: int = 1  # pixels
    stem_pool: bool = False  # a maximum over 3x3 pixels with stride 2 after the stem, as for ImageNet (section 3.3)
    shortcut: bool = True  # off: the plain network of equal depth
    activation: Activation = "relu"
    initialisation: Initialisation = "he"
    batch_norm: bool | tuple[bool, ...] = True  # for all stages, or one a stage; the stem follows the first
    dropout: float | tuple[float, ...] = 0.0  # share of units dropped between a block's convolutions; all or each stage

    example_shape: ClassVar[tuple[int, ...]] = (2, 6, 5)

    def build(self, input_shape: tuple[int, ...]) -> Residual:
        return Residual(self, input_shape)


class Residual(Backbone):
    """[B, C, H, W] -> [B, channels[-1]], the mean of the last maps, which `maps` gives [B, *map_shape]."""

    def __init__(self, config: ResidualConfig, input_shape: tuple[int, ...]):
        check_axes("Residual", input_shape, "C H W")
        if not config.channels or config.stem_kernel_size % 2 == 0:
            raise ValueError(
                f"channels is {config.channels} and stem_kernel_size {config.stem_kernel_size}, but a "
                "residual network needs at least one stage and a stem with a middle pixel. Give one width "
                "a stage and an odd kernel."
            )
        super().__init__(input_shape, config.channels[-1])
        self.config = config
        num_stages = len(config.channels)
        blocks = per_layer(config.blocks, num_stages, "blocks")
        batch_norms = per_layer(config.batch_norm, num_stages, "batch_norm")
        dropouts = per_layer(config.dropout, num_stages, "dropout")
        channels = config.channels[0]
        self.stem, height, width = stem(
            input_shape,
            channels,
            kernel_size=config.stem_kernel_size,
            stride=config.stem_stride,
            pool=config.stem_pool,
            batch_norm=batch_norms[0],
            activation=config.activation,
        )
        self.blocks = nn.Sequential()
        for stage, out_channels in enumerate(config.channels):
            for i in range(blocks[stage]):
                stride = 2 if stage > 0 and i == 0 else 1
                block = BasicBlock(channels, out_channels, stride, config, batch_norms[stage], dropouts[stage])
                self.blocks.add_module(f"{stage}_{i}", block)
                height, width = (out_size(n, 3, stride, 1, stage) for n in (height, width))
                channels = out_channels
        self.map_shape = (channels, height, width)
        self.readout = GlobalAverage()
        initialise(self, config.initialisation)

    def maps(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, *map_shape]."""
        self.check(inputs)
        return self.blocks(self.stem(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.readout(self.maps(inputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, added to their input: activation(inputs + F(inputs)).

    Where the shape changes, a 1x1 convolution takes the input across (the paper's option B).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        config: ResidualConfig,
        batch_norm: bool,
        dropout: float,
    ):
        super().__init__()
        self.residual = nn.Sequential(
            convolution(in_channels, out_channels, batch_norm, 3, stride),
            activation_layer(config.activation),
            dropout_layer(dropout),
            convolution(out_channels, out_channels, batch_norm, 3, 1),
        )
        self.activation = activation_layer(config.activation)
        self.shortcut: nn.Module | None = None
        if config.shortcut:
            same = in_channels == out_channels and stride == 1
            self.shortcut = nn.Identity() if same else convolution(in_channels, out_channels, batch_norm, 1, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.residual(inputs)
        if self.shortcut is not None:
            outputs = outputs + self.shortcut(inputs)
        return self.activation(outputs)


def stem(
    input_shape: tuple[int, ...],
    channels: int,
    *,
    kernel_size: int,
    stride: int,
    pool: bool,
    batch_norm: bool,
    activation: Activation,
) -> tuple[nn.Sequential, int, int]:
    """What lies below the blocks, here and in `inception`, and the height and width of its maps."""
    layers = nn.Sequential(
        convolution(input_shape[0], channels, batch_norm, kernel_size, stride), activation_layer(activation)
    )
    height, width = (out_size(n, kernel_size, stride, kernel_size // 2, 0) for n in input_shape[1:])
    if pool:
        layers.add_module("pool", nn.MaxPool2d(3, 2, padding=1))
        height, width = (out_size(n, 3, 2, 1, 0) for n in (height, width))
    return layers, height, width


def convolution(in_channels: int, out_channels: int, batch_norm: bool, kernel_size: int, stride: int) -> nn.Sequential:
    """A convolution padded so that stride 1 keeps the size, then batch norm if wanted."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=not batch_norm)
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels)) if batch_norm else nn.Sequential(layer)
