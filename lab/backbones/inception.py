"""Inception networks: in every module parallel branches look at the same maps through windows of several sizes.

Source: Szegedy et al. 2015, "Going deeper with convolutions" (section 4: the module, figure 2b; table 1: GoogLeNet).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
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
from lab.backbones.residual import convolution, stem

Filters = tuple[int, int, int, int, int, int]
"""Of one module, in the order of the paper's table 1: 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 after pool."""


@dataclass(frozen=True, kw_only=True)
class InceptionConfig:
    """A stem, then inception modules, between which maxima over 3x3 pixels can halve height and width.

    The modules of the paper's table 1 are each a row of it: its inception (3a) is `(64, 96, 128, 16, 32, 32)`. Left out
    of GoogLeNet are the stem's second layer, local response normalisation and the auxiliary classifiers. Batch norm is
    younger than the paper (Ioffe and Szegedy 2015).
    """

    stem_channels: int = 16  # filters
    stem_kernel_size: int = 3  # pixels, odd
    stem_stride: int = 1  # pixels
    stem_pool: bool = False  # a maximum over 3x3 pixels with stride 2 after the stem
    modules: tuple[Filters, ...] = ((8, 8, 16, 4, 4, 4), (16, 16, 32, 4, 8, 8))
    pool: bool | tuple[bool, ...] = False  # a maximum over 3x3 pixels with stride 2 before each module, or one a module
    activation: Activation = "relu"
    initialisation: Initialisation = "he"
    batch_norm: bool | tuple[bool, ...] = False  # for all modules, or one a module; the stem follows the first
    dropout: float = 0.0  # share of the features dropped after the average over pixels; the paper has 0.4

    example_shape: ClassVar[tuple[int, ...]] = (2, 6, 5)

    def build(self, input_shape: tuple[int, ...]) -> Inception:
        return Inception(self, input_shape)


class Inception(Backbone):
    """[B, C, H, W] -> [B, filters of the last module], the mean of the last maps.

    `maps` gives these: [B, *map_shape].
    """

    def __init__(self, config: InceptionConfig, input_shape: tuple[int, ...]):
        check_axes("Inception", input_shape, "C H W")
        if not config.modules or config.stem_kernel_size % 2 == 0:
            raise ValueError(
                f"modules is {config.modules} and stem_kernel_size {config.stem_kernel_size}, but an inception "
                "network needs at least one module and a stem with a middle pixel. Give the six numbers of filters of "
                "each module and an odd kernel."
            )
        super().__init__(input_shape, joined_channels(config.modules[-1]))
        self.config = config
        batch_norms = per_layer(config.batch_norm, len(config.modules), "batch_norm")
        pools = per_layer(config.pool, len(config.modules), "pool")
        channels = config.stem_channels
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
        for i, filters in enumerate(config.modules):
            if pools[i]:
                self.blocks.add_module(f"pool_{i}", nn.MaxPool2d(3, 2, padding=1))
                height, width = (out_size(n, 3, 2, 1, i) for n in (height, width))
            self.blocks.add_module(f"module_{i}", InceptionModule(channels, filters, config.activation, batch_norms[i]))
            channels = joined_channels(filters)
        self.map_shape = (channels, height, width)
        self.readout = nn.Sequential(GlobalAverage(), dropout_layer(config.dropout))
        initialise(self, config.initialisation)

    def maps(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, *map_shape]."""
        self.check(inputs)
        return self.blocks(self.stem(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.readout(self.maps(inputs))


class InceptionModule(nn.Module):
    """Four branches over the same maps, joined along the channels: 1x1; 1x1, 3x3; 1x1, 5x5; maximum over 3x3, 1x1.

    [B, C, H, W] -> [B, joined_channels(filters), H, W]. The 1x1 before a larger kernel reduces what it has to read.
    Every convolution is followed by the activation, the reducing ones too (the paper's section 5).
    """

    def __init__(self, in_channels: int, filters: Filters, activation: Activation, batch_norm: bool):
        super().__init__()

        def layer(inputs: int, outputs: int, kernel_size: int) -> nn.Sequential:
            return nn.Sequential(convolution(inputs, outputs, batch_norm, kernel_size, 1), activation_layer(activation))

        one, before_three, three, before_five, five, after_pool = filters
        self.one = layer(in_channels, one, 1)
        self.three = nn.Sequential(layer(in_channels, before_three, 1), layer(before_three, three, 3))
        self.five = nn.Sequential(layer(in_channels, before_five, 1), layer(before_five, five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), layer(in_channels, after_pool, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([branch(inputs) for branch in (self.one, self.three, self.five, self.pool)], 1)


def joined_channels(filters: Filters) -> int:
    """How many maps leave a module; those of the reducing convolutions stay inside."""
    one, _, three, _, five, after_pool = filters
    return one + three + five + after_pool
