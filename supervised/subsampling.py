"""Subsampling: convolutions over time that halve the steps of a sequence, which leaves fewer to the layers above."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from lab.backbones.layers import Initialisation, initialise
from lab.backbones.sequence import valid_steps
from lab.data.sequences import Padded


@dataclass(frozen=True, kw_only=True)
class SubsamplingConfig:
    """A convolution of kernel 3 and stride 2 with ReLU for each width; without any, all steps stay as they are."""

    widths: tuple[int, ...] = (128, 128)  # channels of each layer
    dropout: float = 0.0  # share of units dropped after each layer
    initialisation: Initialisation = "he"

    def build(self, in_features: int) -> Subsampling:
        """Draws initial weights from torch's global generator: wrap it in `seeds.initialising(name)`."""
        return Subsampling(self, in_features)


class Subsampling(nn.Module):
    """[B, T, in_features] -> [B, T / 2^layers, out_features], rounded up; padding stays 0 and changes nothing."""

    def __init__(self, config: SubsamplingConfig, in_features: int):
        super().__init__()
        sizes = [in_features, *config.widths]
        self.layers = nn.ModuleList(nn.Conv1d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(config.dropout)
        self.out_features = sizes[-1]
        self.frames_a_step = 2 ** len(self.layers)
        initialise(self, config.initialisation)

    def left(self, lengths: Tensor) -> Tensor:
        """How many steps are left of so many."""
        for _ in self.layers:
            lengths = (lengths + 1) // 2
        return lengths

    def forward(self, inputs: Padded) -> Padded:
        values, lengths = inputs
        for layer in self.layers:
            values = self.dropout(layer(values.transpose(1, 2)).relu().transpose(1, 2))
            lengths = (lengths + 1) // 2
            # Emptied, or the next layer would see behind the end of a sequence what it does not see of it alone.
            values = values.masked_fill(~valid_steps(lengths, values.shape[1])[..., None], 0.0)
        return Padded(values, lengths)
