"""Jordan's recurrent network: what it answered a step ago comes back, not its hidden units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from lab.backbones.layers import Initialisation, dropout_layer, initialise
from lab.backbones.sequence import Pool, SequenceBackbone, valid_steps


@dataclass(frozen=True, kw_only=True)
class JordanConfig:
    """One hidden layer that reads an input and the probabilities of the answers to the one before."""

    width: int = 128  # hidden units
    num_outputs: int = 10  # answers to choose from at each step
    pool: Pool = "last"  # what stands for the whole sequence
    initialisation: Initialisation = "torch"
    dropout: float = 0.0  # share of hidden units dropped, for what is fed back as well

    example_shape: ClassVar[tuple[int, ...]] = (5, 3)

    def build(self, input_shape: tuple[int, ...]) -> Jordan:
        return Jordan(self, input_shape)


class Jordan(SequenceBackbone):
    """[B, T, F] -> [B, width], the hidden units h of each step or of the last.

    h(t) = tanh(W x(t) + U y(t-1) + b), y(t) = softmax(V h(t) + c), y(-1) = 0. The layer (V, c) is `output`, and a head
    that answers at every step must be that layer. Source: Jordan 1986, "Serial order: a parallel distributed processing
    approach"; with softmax as in Mesnil et al. 2015, "Using recurrent neural networks for slot filling in spoken
    language understanding", section III.
    """

    def __init__(self, config: JordanConfig, input_shape: tuple[int, ...]):
        if config.width < 1 or config.num_outputs < 2:
            raise ValueError(
                f"width is {config.width} and num_outputs {config.num_outputs}, but it takes a hidden unit, and two "
                "answers to choose from. Make width at least 1 and num_outputs at least 2."
            )
        super().__init__(input_shape, config.width, config.pool)
        self.config = config
        self.causal = True
        self.hidden = nn.Linear(input_shape[1], config.width)
        self.feedback = nn.Linear(config.num_outputs, config.width, bias=False)
        self.dropout = dropout_layer(config.dropout)
        self.output = nn.Linear(config.width, config.num_outputs)
        initialise(self, config.initialisation)

    def steps(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], lengths [B] -> [B, T, width], 0 in the padding."""
        self.check(inputs, lengths)
        padding = None
        if lengths is not None:
            padding = ~valid_steps(lengths.to(inputs.device), inputs.shape[1])[..., None]
            inputs = inputs.masked_fill(padding, 0.0)  # whatever lies there, the gradients stay finite
        from_inputs = self.hidden(inputs)
        found: list[Tensor] = []
        for t in range(inputs.shape[1]):
            before = from_inputs[:, t]
            if found:
                before = before + self.feedback(self.output(found[-1]).softmax(-1))
            found.append(self.dropout(before.tanh()))
        steps = torch.stack(found, 1)
        return steps if padding is None else steps.masked_fill(padding, 0.0)
