"""Losses of adversarial networks: pure functions of the discriminator's answers, [B] in and a mean out.

An answer is any real number, higher for what is taken to be real. Sources: Goodfellow et al. 2014, "Generative
adversarial nets", section 3 (the generator's that does not saturate); Arjovsky et al. 2017, "Wasserstein GAN";
Gulrajani et al. 2017, "Improved training of Wasserstein GANs", section 4 (gradient penalty); Miyato et al. 2018,
"Spectral normalization for generative adversarial networks", section 4 (hinge).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def log_real_and_fake(real: Tensor, made: Tensor) -> Tensor:
    """The discriminator's cross-entropy: -log D(real) - log(1 - D(made)), D the logistic of an answer."""
    return F.softplus(-real).mean() + F.softplus(made).mean()


def log_fooled(made: Tensor) -> Tensor:
    """The generator's: -log D(made), whose slope does not vanish where the discriminator is sure."""
    return F.softplus(-made).mean()


def hinge(real: Tensor, made: Tensor) -> Tensor:
    """The discriminator's: what lies within the margin counts."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def apart(real: Tensor, made: Tensor) -> Tensor:
    """The discriminator's of a Wasserstein GAN: minus the estimate of how far the distributions are apart."""
    return made.mean() - real.mean()


def minus_mean(made: Tensor) -> Tensor:
    """The generator's of the hinge loss and of a Wasserstein GAN."""
    return -made.mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """The mean of (|slope| - 1)^2 at points between real and made-up examples [B, ...], with gradient.

    `share` [B] in [0, 1] says how far from the made-up towards the real each point lies.
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    between = (share * real + (1 - share) * made).detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
