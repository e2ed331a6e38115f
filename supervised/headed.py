"""The network of all learners here: a backbone, and above it a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lab.backbones import Backbone, memory_format
from lab.seeding import Seeds


class Headed(nn.Sequential):
    """[B, *backbone.input_shape] -> [B, outputs]; images are laid out as the backbone is fastest with."""

    def __init__(self, backbone: Backbone, outputs: int, seeds: Seeds, stream: str, device: torch.device | str):
        """The head's initial weights are drawn from the named stream; both parts go to the device."""
        with seeds.initialising(stream):
            head = nn.Linear(backbone.out_features, outputs)
        super().__init__(backbone, head)
        self.memory_format = memory_format(backbone)
        self.to(device).to(memory_format=self.memory_format)  # type: ignore[call-overload]

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=self.memory_format)
        return super().forward(inputs)
