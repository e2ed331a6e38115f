"""Recurrent networks: Elman's RNN, GRU and LSTM, deep and in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lab.backbones.layers import Initialisation, choose, dropout_layer, initialise, per_layer
from lab.backbones.sequence import Pool, SequenceBackbone

CELLS: dict[str, Any] = {
    "rnn": nn.RNN,  # Elman 1990, with tanh
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),  # Le et al. 2015
    "gru": nn.GRU,  # Cho et al. 2014
    "lstm": nn.LSTM,  # Hochreiter and Schmidhuber 1997, with forget gates
}

Memory = list[Any]
"""Where each layer ended, as torch's layers return and take it: [1, B, width], of an LSTM two of these."""


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Recurrent layers, each reading the steps of the one below."""

    cell: Literal["rnn", "rnn_relu", "gru", "lstm"] = "lstm"
    width: int = 128  # units of each layer and direction
    num_layers: int = 1
    bidirectional: bool = False
    pool: Pool = "last"  # what stands for the whole sequence
    initialisation: Initialisation = "torch"
    dropout: float | tuple[float, ...] = 0.0  # share of units dropped after a layer; for all layers, or one a layer

    example_shape: ClassVar[tuple[int, ...]] = (5, 3)

    def build(self, input_shape: tuple[int, ...]) -> Recurrent:
        return Recurrent(self, input_shape)


class Recurrent(SequenceBackbone):
    """[B, T, F] -> [B, width], or [B, 2 * width] in both directions (forward half, then backward half).

    Any number of steps is taken. "last" pools the state in which each direction ended: the forward one
    after the last valid step, the backward one after the first.
    """

    def __init__(self, config: RecurrentConfig, input_shape: tuple[int, ...]):
        if config.width < 1 or config.num_layers < 1:
            raise ValueError(
                f"width is {config.width} and num_layers {config.num_layers}, but a recurrent network "
                "needs at least one unit and one layer. Make both at least 1."
            )
        directions = 2 if config.bidirectional else 1
        super().__init__(input_shape, directions * config.width, config.pool)
        self.config = config
        self.width = config.width
        self.causal = not config.bidirectional
        cell = choose(CELLS, config.cell, "cell")
        sizes = [input_shape[1]] + [self.out_features] * (config.num_layers - 1)
        self.layers = nn.ModuleList(
            cell(size, config.width, batch_first=True, bidirectional=config.bidirectional) for size in sizes
        )
        dropouts = per_layer(config.dropout, config.num_layers, "dropout")
        self.dropouts = nn.ModuleList(dropout_layer(rate) for rate in dropouts)
        initialise(self, config.initialisation)

    def steps(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], lengths [B] -> [B, T, out_features], 0 in the padding."""
        self.check(inputs, lengths)
        steps = inputs
        for layer, dropout in zip(self.layers, self.dropouts):
            steps = dropout(unroll(layer, steps, lengths))
        return steps

    def carry(self, inputs: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Every step of inputs [B, T, F] that go on where a memory ended, and the memory at their own end.

        Piece by piece it gives what `steps` gives of the whole; no memory stands for a beginning. Raises ValueError for
        a network in both directions, which would have to know the end.
        """
        self.check(inputs)
        if not self.causal:
            raise ValueError(
                "The network reads in both directions, so no step of it is known before the last input. Set "
                "bidirectional to False, or give `steps` the whole sequence."
            )
        steps, ended = inputs, []
        for i, (layer, dropout) in enumerate(zip(self.layers, self.dropouts)):
            steps, end = layer(steps, None if memory is None else memory[i])
            steps = dropout(steps)
            ended.append(end)
        return steps, ended

    def last(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        forward = super().last(steps, lengths)
        return forward if self.causal else torch.cat([forward[:, : self.width], steps[:, 0, self.width :]], -1)


def unroll(layer: nn.Module, inputs: Tensor, lengths: Tensor | None) -> Tensor:
    """Every step of one recurrent layer: [B, T, F] -> [B, T, out]."""
    if lengths is None:
        return layer(inputs)[0]
    # packed, so that the backward direction starts at each sequence's own end
    packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=inputs.shape[1])[0]
