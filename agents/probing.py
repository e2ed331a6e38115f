"""What the probe takes of an agent: a network and observations, with random values to learn."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from agents.noisy import resample
from lab.probe import Case
from lab.seeding import Seeds


def learning_random_values(module: nn.Module, inputs: Tensor, seeds: Seeds) -> Case:
    """A copy of a network on inputs [B, ...], to learn random values in [-1, 1] of all outputs: half squared error.

    Of noisy layers with noise, without which nothing would tell how large it should be.
    """
    device, network = inputs.device, deepcopy(module)
    resample(network, seeds.generator("noise", device))
    with torch.no_grad():
        shape = network(inputs).shape
    values = 2 * torch.rand(shape, generator=seeds.generator("values", device), device=device) - 1

    def loss(network: nn.Module, inputs: Tensor) -> Tensor:
        return (network(inputs) - values).square().mean() / 2

    return Case(network, inputs, loss)
