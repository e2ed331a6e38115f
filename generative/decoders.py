"""Decoders: from a code back to what it stands for.

Sources: Rumelhart, Hinton and Williams 1986 for the fully connected one; Zeiler et al. 2010, "Deconvolutional
networks", and Radford et al. 2016, "Unsupervised representation learning with deep convolutional generative adversarial
networks", section 3, for the one of transposed convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from lab.backbones import MLPConfig
from lab.backbones.layers import Activation, activation_layer


@dataclass(frozen=True, kw_only=True)
class DeconvolutionConfig:
    """A linear layer that makes small maps of a code, then transposed convolutions that double height and width."""

    channels: tuple[int, ...] = (64, 32)  # maps that each transposed convolution starts from
    activation: Activation = "relu"
    batch_norm: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for no transposed convolution, and for one without maps."""
        if not self.channels or min(self.channels) < 1:
            raise ValueError(
                f"channels is {self.channels}, but maps are doubled at least once. Give a number of 1 or more for each "
                "doubling."
            )


DecoderConfig = MLPConfig | DeconvolutionConfig


class Decoder(nn.Module):
    """[B, size] -> [B, *output_shape], any real numbers."""

    def __init__(self, config: DecoderConfig, size: int, output_shape: tuple[int, ...]):
        """`size` is the code's. Raises ValueError for a code of no numbers, and for maps that cannot be doubled."""
        if size < 1:
            raise ValueError(f"The code has {size} numbers, from which nothing can be told. Give it one at least.")
        super().__init__()
        self.output_shape = tuple(output_shape)
        self.layers = (
            _fully_connected(config, size, prod(output_shape))
            if isinstance(config, MLPConfig)
            else _deconvolution(config, size, self.output_shape)
        )

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code).unflatten(1, self.output_shape) if self._flat else self.layers(code)

    @property
    def _flat(self) -> bool:
        return isinstance(self.layers[-1], nn.Linear)


def _fully_connected(config: MLPConfig, size: int, outputs: int) -> nn.Sequential:
    hidden = config.build((size,))
    return nn.Sequential(hidden, nn.Linear(hidden.out_features, outputs))


def _deconvolution(config: DeconvolutionConfig, size: int, output_shape: tuple[int, ...]) -> nn.Sequential:
    if len(output_shape) != 3:
        raise ValueError(
            f"Transposed convolutions make images [C, H, W], but {list(output_shape)} is asked for. Take fully "
            "connected layers for it."
        )
    channels, (out_channels, height, width) = config.channels, output_shape
    factor = 2 ** len(channels)
    if height % factor or width % factor:
        raise ValueError(
            f"channels is {channels}: {len(channels)} doublings make images of which {height} x {width} pixels are "
            f"asked for, so both have to be multiples of {factor}. Give one number of channels for each doubling that "
            "height and width allow."
        )
    start = (channels[0], height // factor, width // factor)
    layers: list[nn.Module] = [nn.Linear(size, prod(start)), nn.Unflatten(1, start)]
    for before, after in pairwise([*channels, out_channels]):
        if config.batch_norm:
            layers.append(nn.BatchNorm2d(before))
        # Four pixels wide at a stride of two: each output pixel is made by as many, which leaves no chequered pattern.
        layers += [activation_layer(config.activation), nn.ConvTranspose2d(before, after, 4, 2, 1)]
    return nn.Sequential(*layers)
