"""Linear layers whose weights carry noise that learns how large to be, so that exploration depends on the state.

Source: Fortunato et al. 2018, "Noisy networks for exploration", https://arxiv.org/abs/1706.10295, section 3 (b),
factorised Gaussian noise, and 3.2 for the initial values.
"""

from __future__ import annotations

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisyLinear(nn.Module):
    """[..., in_features] -> [..., out_features], with weight + weight_sigma * (noise_out noise_in^T), bias likewise.

    The noise of a weight is the product of one number of its input and one of its output, so that a layer draws
    in + out numbers rather than in * out. In eval() mode there is no noise; in train() mode there is that which
    `resample` drew last, at first none. It belongs to the state.
    """

    noise_in: Tensor
    noise_out: Tensor

    def __init__(self, in_features: int, out_features: int, *, sigma_0: float = 0.5):
        """Draws mean weights as torch's linear layers do. The noise of an output starts at about sigma_0 in size.

        Raises:
            ValueError: if sigma_0 is negative.
        """
        super().__init__()
        if not sigma_0 >= 0:
            raise ValueError(f"sigma_0 is {sigma_0}, but it is the size of noise. Set it to 0 or more; 0.5 is usual.")
        bound = 1 / sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma_0 * bound))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma_0 * bound))
        self.register_buffer("noise_in", torch.zeros(in_features))
        self.register_buffer("noise_out", torch.zeros(out_features))

    def forward(self, inputs: Tensor) -> Tensor:
        mean = F.linear(inputs, self.weight, self.bias)
        if not self.training:
            return mean
        # The noisy weights themselves are never formed: a second product costs less than that many numbers, and
        # in bfloat16 small noise is not lost in the rounding of the weights it would be added to.
        deviation = F.linear(inputs * self.noise_in, self.weight_sigma, self.bias_sigma)
        return torch.addcmul(mean, self.noise_out, deviation)


@torch.no_grad()
def resample(module: nn.Module, generator: torch.Generator) -> None:
    """Draws new noise for all noisy layers of a module, in place, from a generator on the module's device.

    Each number is f(x) = sign(x) sqrt|x| of a standard normal x: then a product of two has variance 2 / pi.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, NoisyLinear)]
    noises = [noise for layer in layers for noise in (layer.noise_in, layer.noise_out)]
    if not noises:
        return
    sizes = [noise.numel() for noise in noises]
    drawn = torch.randn(sum(sizes), generator=generator, device=noises[0].device)
    drawn = drawn.sign() * drawn.abs().sqrt()
    torch._foreach_copy_(noises, drawn.split(sizes))
