"""What backbones over sequences share: lengths, masks, and the pooling of steps into one vector."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor

from lab.backbones.backbone import Backbone, check_axes
from lab.ranges import check_name

Pool = Literal["last", "mean"]


class SequenceBackbone(Backbone):
    """[B, T, F] -> [B, out_features], or every step by `steps`: [B, T, out_features].

    `input_shape` is (T, F). Shorter sequences are padded at the end and come with lengths [B], the number
    of valid steps of each; what lies in the padding never matters, and `steps` are 0 there.
    """

    causal: bool  # step t depends on the inputs up to t alone

    def __init__(self, input_shape: tuple[int, ...], out_features: int, pool: Pool):
        check_axes(type(self).__name__, input_shape, "T F")
        check_name(pool, get_args(Pool), "pool")
        super().__init__(input_shape, out_features)
        self.pool = pool

    @abstractmethod
    def steps(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, F], lengths [B] -> [B, T, out_features], 0 in the padding."""

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.pooled(self.steps(inputs, lengths), lengths)

    def pooled(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        """What stands for a whole sequence, of its steps, which are 0 in the padding: -> [B, out_features]."""
        return mean_step(steps, lengths) if self.pool == "mean" else self.last(steps, lengths)

    def last(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        return last_step(steps, lengths)

    def check(self, inputs: Tensor, lengths: Tensor | None = None) -> None:
        """Refuses inputs that are not [B, any T, F], and lengths that are not B numbers in 1..T.

        The values of lengths are looked at only where they lie on the CPU: elsewhere the host would wait.
        """
        if inputs.ndim != 3 or inputs.shape[1] < 1 or inputs.shape[2] != self.input_shape[1]:
            raise self.shape_error(inputs)
        self.check_type(inputs)
        if lengths is None:
            return
        batch, num_steps = inputs.shape[:2]
        if lengths.shape != (batch,):
            raise ValueError(
                f"lengths has shape {list(lengths.shape)}, but the inputs {list(inputs.shape)} are {batch} "
                f"sequences. Give one number a sequence: shape [{batch}]."
            )
        if lengths.device.type == "cpu" and not 1 <= int(lengths.min()) <= int(lengths.max()) <= num_steps:
            raise ValueError(
                f"lengths go from {int(lengths.min())} to {int(lengths.max())}, but the inputs "
                f"{list(inputs.shape)} hold {num_steps} steps. Keep every length in 1..{num_steps}, and "
                "leave empty sequences out."
            )


def valid_steps(lengths: Tensor, num_steps: int) -> Tensor:
    """True where a step is not padding: lengths [B] -> [B, T]."""
    return torch.arange(num_steps, device=lengths.device) < lengths[:, None]


def last_step(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """The last valid step: [B, T, F] -> [B, F]."""
    if lengths is None:
        return steps[:, -1]
    rows = torch.arange(len(steps), device=steps.device)
    return steps[rows, lengths.to(steps.device) - 1]


def mean_step(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over the valid steps, where the others are 0: [B, T, F] -> [B, F]."""
    if lengths is None:
        return steps.mean(1)
    return steps.sum(1) / lengths.to(steps)[:, None]
