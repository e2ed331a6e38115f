"""The transformer encoder, normalised before each sublayer."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from lab.backbones.attention import MultiHeadAttention, causal_mask, padding_mask
from lab.backbones.layers import (
    Activation,
    Initialisation,
    activation_layer,
    check_name,
    dropout_layer,
    initialise,
    per_layer,
)
from lab.backbones.sequence import Pool, SequenceBackbone, valid_steps

Positions = Literal["learned", "sinusoidal", "none"]


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Blocks of self-attention and a feed-forward layer, each normalised first and added to its input.

    Sources: Vaswani et al. 2017; Xiong et al. 2020 for the norm before each sublayer and after the last block.
    """

    width: int = 64  # features of every step, a multiple of num_heads
    num_layers: int = 2  # blocks
    num_heads: int = 4
    feedforward_width: int = 256  # hidden units of the feed-forward layer
    positions: Positions = "learned"
    causal: bool = False  # each step sees itself and the past only
    pool: Pool = "mean"  # what stands for the whole sequence; "last" is the choice for a causal one
    activation: Activation = "gelu"
    initialisation: Initialisation = "torch"
    dropout: float | tuple[float, ...] = 0.0  # share of units dropped by each block; for all blocks, or one a block

    example_shape: ClassVar[tuple[int, ...]] = (5, 3)

    def build(self, input_shape: tuple[int, ...]) -> Transformer:
        return Transformer(self, input_shape)


class Transformer(SequenceBackbone):
    """[B, T, F] -> [B, width], for sequences of at most the T that it was built for."""

    def __init__(self, config: TransformerConfig, input_shape: tuple[int, ...]):
        super().__init__(input_shape, config.width, config.pool)
        self.config = config
        self.causal = config.causal
        self.embed = nn.Linear(input_shape[1], config.width)
        dropouts = per_layer(config.dropout, config.num_layers, "dropout")
        self.blocks = nn.ModuleList(Block(config, rate) for rate in dropouts)
        self.norm = nn.LayerNorm(config.width)
        initialise(self, config.initialisation)
        self.positions = position_table(config.positions, input_shape[0], config.width)

    def steps(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], lengths [B] -> [B, T, width], 0 in the padding."""
        self.check(inputs, lengths)
        num_steps = inputs.shape[1]
        if num_steps > self.input_shape[0]:
            raise ValueError(
                f"The sequences have {num_steps} steps, but the transformer knows {self.input_shape[0]} "
                f"positions. Shorten them, or build it with input_shape ({num_steps}, {self.input_shape[1]})."
            )
        if lengths is None:
            return self.encode(inputs, None, causal=self.causal)
        lengths = lengths.to(inputs.device)
        mask = padding_mask(lengths, num_steps)
        if self.causal:
            mask = mask & causal_mask(num_steps, inputs.device)
        padding = ~valid_steps(lengths, num_steps)[..., None]
        # emptied first, because a weight of 0 does not silence a NaN
        return self.encode(inputs.masked_fill(padding, 0.0), mask, causal=False).masked_fill(padding, 0.0)

    def encode(self, inputs: Tensor, mask: Tensor | None, *, causal: bool) -> Tensor:
        hidden = self.embed(inputs) + self.positions[: inputs.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, mask, causal=causal)
        return self.norm(hidden)


class Block(nn.Module):
    """hidden + attention(norm(hidden)), then hidden + feedforward(norm(hidden)): keeps [B, T, width]."""

    def __init__(self, config: TransformerConfig, dropout: float):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = MultiHeadAttention(config.width, config.num_heads, dropout=dropout)
        self.feedforward_norm = nn.LayerNorm(config.width)
        self.expand = nn.Linear(config.width, config.feedforward_width)
        self.activation = activation_layer(config.activation)
        self.contract = nn.Linear(config.feedforward_width, config.width)
        self.dropout = dropout_layer(dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, causal: bool) -> Tensor:
        normed = self.attention_norm(hidden)
        hidden = hidden + self.dropout(self.attention.context(normed, normed, normed, mask, causal=causal))
        expanded = self.activation(self.expand(self.feedforward_norm(hidden)))
        return hidden + self.dropout(self.contract(self.dropout(expanded)))


def position_table(positions: Positions, num_steps: int, width: int) -> Tensor:
    """What is added to each step so that its place shows: [T, width], a parameter where it is learned."""
    check_name(positions, get_args(Positions), "positions")
    if positions == "learned":
        return nn.Parameter(torch.randn(num_steps, width) * 0.02)  # small beside the embedded steps
    table = sinusoids(num_steps, width) if positions == "sinusoidal" else torch.zeros(num_steps, width)
    return nn.Buffer(table, persistent=False)


def sinusoids(num_steps: int, width: int) -> Tensor:
    """Sine in the even features, cosine in the odd, wavelengths from 2 pi to 10,000 * 2 pi: [T, width].

    Source: Vaswani et al. 2017, section 3.5.
    """
    even = torch.arange(0, width, 2)
    angles = torch.arange(num_steps)[:, None] * torch.exp(-log(10_000) / width * even)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width]
