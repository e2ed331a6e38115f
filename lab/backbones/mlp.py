"""The multi-layer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from lab.backbones.backbone import Backbone
from lab.backbones.layers import (
    Activation,
    Initialisation,
    activation_layer,
    dropout_layer,
    initialise,
    per_layer,
)


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """Fully connected layers over the flattened example: linear, batch norm, activation, dropout."""

    widths: tuple[int, ...] = (256, 256)  # units of each layer; none at all passes the flattened example on
    activation: Activation = "relu"
    initialisation: Initialisation = "torch"
    batch_norm: bool | tuple[bool, ...] = False  # for all layers, or one a layer
    dropout: float | tuple[float, ...] = 0.0  # share of units dropped; for all layers, or one a layer

    example_shape: ClassVar[tuple[int, ...]] = (5,)

    def build(self, input_shape: tuple[int, ...]) -> MLP:
        return MLP(self, input_shape)


class MLP(Backbone):
    """[B, *input_shape] -> [B, widths[-1]]."""

    def __init__(self, config: MLPConfig, input_shape: tuple[int, ...]):
        sizes = [prod(input_shape), *config.widths]
        if min(sizes) < 1:
            raise ValueError(
                f"MLP was to be built for input_shape {tuple(input_shape)} with widths {config.widths}, "
                "but a layer needs at least one unit on either side. Make every size at least 1."
            )
        super().__init__(input_shape, sizes[-1])
        self.config = config
        num_layers = len(config.widths)
        batch_norms = per_layer(config.batch_norm, num_layers, "batch_norm")
        dropouts = per_layer(config.dropout, num_layers, "dropout")
        self.layers = nn.Sequential()
        for i, (in_features, out_features) in enumerate(pairwise(sizes)):
            # batch norm subtracts the mean, so a bias before it would never learn
            self.layers.add_module(f"linear_{i}", nn.Linear(in_features, out_features, bias=not batch_norms[i]))
            if batch_norms[i]:
                self.layers.add_module(f"batch_norm_{i}", nn.BatchNorm1d(out_features))
            self.layers.add_module(f"activation_{i}", activation_layer(config.activation))
            self.layers.add_module(f"dropout_{i}", dropout_layer(dropouts[i]))
        initialise(self, config.initialisation)

    def forward(self, inputs: Tensor) -> Tensor:
        self.check(inputs)
        return self.layers(inputs.flatten(1))
