"""PixelCNN and the row LSTM: networks that tell each value of a picture from those before it.

Source: van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel recurrent neural networks",
https://arxiv.org/abs/1601.06759: section 3.1 for the row LSTM, 3.3 for residual connections, 3.4 for masks and colours,
table 1 for the order of layers. Its skip connections from each layer to the output, which it calls optional, are left
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from generative.masked import MaskedConvolution
from lab.ranges import check_least, check_odd


@dataclass(frozen=True, kw_only=True)
class PixelCNNConfig:
    """Residual blocks of masked convolutions: what a pixel sees grows with each by a kernel's reach.

    The paper's network for CIFAR-10 has 15 blocks of 3 x 3 pixels. Four of 11 x 11 reach further, leave less of a blind
    spot to the right of what a pixel sees, and take less time: half an epoch of MNIST is 131 s of a core and 84.3 nats
    of 1,000 test pictures instead of 147 s and 90.0 of those fifteen, which is more than kernels of 5, 7 or 9 gave.
    """

    channels: int = 16  # h of the paper: half the maps between two residual blocks
    blocks: int = 4  # residual ones
    kernel_size: int = 11  # pixels, of a block's masked convolution
    first_kernel_size: int = 7  # pixels, of the first

    name: ClassVar[str] = "pixelcnn"

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, channels=1, blocks=1)
        check_odd(self, kernel_size=1, first_kernel_size=3)  # of one pixel, the first would see nothing

    def build(self, colours: int, levels: int) -> nn.Sequential:
        """See `pixel_network`."""

        def block() -> ResidualBlock:
            return ResidualBlock(self.channels, self.kernel_size, colours)

        network = pixel_network(self.channels, block, self.blocks, self.first_kernel_size, colours, levels)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True, kw_only=True)
class RowLSTMConfig:
    """Residual row LSTMs: each sees, in a triangle that opens upwards, all rows above a pixel."""

    channels: int = 16  # h of the paper: numbers of a pixel's state, half the maps between two layers
    layers: int = 7  # row LSTMs
    kernel_size: int = 3  # pixels of a row, from which a state is made: of the layer's input and of the row above
    first_kernel_size: int = 7  # pixels, of the masked convolution before them

    name: ClassVar[str] = "row_lstm"

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, channels=1, layers=1)
        check_odd(self, kernel_size=1, first_kernel_size=3)

    def build(self, colours: int, levels: int) -> nn.Sequential:
        """See `pixel_network`."""

        def block() -> ResidualRowLSTM:
            return ResidualRowLSTM(self.channels, self.kernel_size, colours)

        return pixel_network(self.channels, block, self.layers, self.first_kernel_size, colours, levels)


PixelNetworkConfig = PixelCNNConfig | RowLSTMConfig


def pixel_network(
    channels: int, block: Callable[[], nn.Module], blocks: int, first_kernel_size: int, colours: int, levels: int
) -> nn.Sequential:
    """Pictures [B, colours, H, W] -> logits [B, levels, colours, H, W] of each value given those before it.

    `block` makes a module that keeps [B, 2 channels, H, W]. Raises ValueError for channels that colours cannot share
    evenly.
    """
    if channels % colours:
        raise ValueError(
            f"channels is {channels}, but the pictures have {colours} colours, which have as many maps each. Give a "
            f"multiple of {colours}."
        )
    wide = 2 * channels
    return nn.Sequential(
        MaskedConvolution("A", colours, wide, first_kernel_size, colours),
        *(block() for _ in range(blocks)),
        nn.ReLU(),
        MaskedConvolution("B", wide, wide, 1, colours),
        nn.ReLU(),
        begun_small(MaskedConvolution("B", wide, levels * colours, 1, colours)),
        nn.Unflatten(1, (levels, colours)),
    )


def begun_small(layer: MaskedConvolution) -> MaskedConvolution:
    """The layer with a thousandth of its weights: a residual block begins by passing its maps on nearly unchanged, and
    a network by taking all levels for about equally likely. On MNIST a nat better after a quarter of an epoch than
    blocks begun with all of their weights. Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1, begin at 0,
    which is no better, and where a probe of a network that has not learnt yet would not find a mask that is wrong.
    """
    with torch.no_grad():
        layer.weight.mul_(1e-3)
    return layer


class ResidualBlock(nn.Module):
    """Keeps [B, 2 h, H, W]. Figure 5 of the paper, left."""

    def __init__(self, channels: int, kernel_size: int, colours: int = 1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            MaskedConvolution("B", 2 * channels, channels, 1, colours),
            nn.ReLU(),
            MaskedConvolution("B", channels, channels, kernel_size, colours),
            nn.ReLU(),
            begun_small(MaskedConvolution("B", channels, 2 * channels, 1, colours)),
        )

    def forward(self, maps: Tensor) -> Tensor:
        # A third faster on a CPU. Only the first block's maps have to be laid out anew: of pictures of one colour torch
        # cannot tell how they lie.
        maps = maps.contiguous(memory_format=torch.channels_last)
        return maps + self.layers(maps)


class ResidualRowLSTM(nn.Module):
    """Keeps [B, 2 h, H, W]. Figure 5 of the paper, right."""

    def __init__(self, channels: int, kernel_size: int, colours: int = 1):
        super().__init__()
        self.lstm = RowLSTM(2 * channels, channels, kernel_size, colours)
        self.widen = begun_small(MaskedConvolution("B", channels, 2 * channels, 1, colours))

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.widen(self.lstm(maps))


class RowLSTM(nn.Module):
    """[B, in, H, W] -> [B, channels, H, W]: an LSTM whose steps are rows, and whose products are convolutions of them.

    With a reach of r = kernel_size // 2, the state of row i and column j depends, in the row that lies d above, on the
    inputs from column j - (d + 1) r to column j + d r, and on no others. States begin at 0.
    """

    def __init__(self, in_channels: int, channels: int, kernel_size: int, colours: int = 1):
        """Raises ValueError for a kernel without a middle pixel, and for maps that colours cannot share evenly."""
        super().__init__()
        # Gates lie as in torch's LSTMCell: input, forget, content, output. As colours have as many of the channels
        # each, a gate's map is of the colour of the channel that it acts on.
        self.input_to_state = MaskedConvolution("B", in_channels, 4 * channels, (1, kernel_size), colours)
        # Without a mask: of the row above, all is known.
        self.state_to_state = nn.Conv1d(channels, 4 * channels, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        rows = self.input_to_state(maps).unbind(2)  # of all rows at once: they wait for no state
        state = cell = maps.new_zeros(len(maps), self.state_to_state.in_channels, maps.shape[-1])  # [B, channels, W]
        states = []
        for row in rows:
            enter, keep, content, leave = (row + self.state_to_state(state)).chunk(4, 1)
            cell = keep.sigmoid() * cell + enter.sigmoid() * content.tanh()
            state = leave.sigmoid() * cell.tanh()
            states.append(state)
        return torch.stack(states, 2)
