"""Mixing: augments that change inputs and labels together, a whole batch at once on its device."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

BatchAugment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""(inputs [B, ...], labels [B], a generator on their device) -> inputs [B, ...], soft labels [B, num_classes]."""


def mixup(strength: float, num_classes: int) -> BatchAugment:
    """Replaces each example by a mixture of it and a partner, and its label by the same mixture of both labels.

    inputs [B, ...] floating, labels [B] int64 in [0, num_classes). An example's own share is drawn from
    Beta(strength, strength), one for each; partners are a random permutation. Returns inputs [B, ...] and float32
    soft labels [B, num_classes], whose rows add up to 1. Raises ValueError for labels out of range on the CPU; to look
    on a GPU would make it wait, and there torch's own assertion stops the program. Source: Zhang et al. 2018, "mixup:
    Beyond empirical risk minimization", section 2.
    """
    if not 0 < strength < math.inf:
        raise ValueError(
            f"strength is {strength}, but Beta(strength, strength) needs a finite number above 0. The paper uses 0.1 "
            "to 0.4 for images; to mix nothing, leave mixup out."
        )
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}, but labels name at least one class. Set it to 1 or more.")

    def mix(inputs: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        _check_examples(inputs, labels, num_classes)
        shares = beta(strength, len(inputs), generator, inputs.device)
        partners = torch.randperm(len(inputs), generator=generator, device=inputs.device)
        certain = torch.nn.functional.one_hot(labels, num_classes).float()
        return mixed(inputs, shares, partners), mixed(certain, shares, partners)

    return mix


def _check_examples(inputs: Tensor, labels: Tensor, num_classes: int) -> None:
    if not inputs.is_floating_point():
        raise ValueError(
            f"The inputs are of type {inputs.dtype}, which cannot hold a mixture. Convert the data set's inputs first, "
            "pixels by inputs.float() / 255."
        )
    if labels.shape != inputs.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"The labels have shape {list(labels.shape)} and type {labels.dtype}, but mixup needs the number of one "
            f"class for each of {len(inputs)} inputs: shape [{len(inputs)}], type torch.int64. Give it labels that are "
            "neither soft, mixed, of several tasks nor missing (NaN), or leave mixup out."
        )
    if labels.device.type == "cpu" and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f"The labels go from {int(labels.min())} to {int(labels.max())}, but num_classes is {num_classes}, so "
            f"they must lie in 0..{num_classes - 1}. Set num_classes to the number of classes in the whole data set."
        )


def beta(strength: float, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draws `count` numbers from Beta(strength, strength) on the generator's device; returns float32 [count].

    X / (X + Y) is such a number if X and Y are Gamma(strength), and Gamma(strength) is Gamma(strength + 1) times a
    uniform number to the power of 1 / strength. Source: Marsaglia and Tsang 2000, "A simple method for generating
    gamma variables".
    """
    size = (2, count)
    # torch.distributions takes no generator; this function, which it calls itself, is private but takes one. Jöhnk's
    # method needs public functions only, but repeats until it accepts, so that a GPU would have to report each time.
    gammas = torch._standard_gamma(torch.full(size, strength + 1, device=device), generator=generator)
    uniform = 1 - torch.rand(size, generator=generator, device=device)  # in (0, 1]
    # In logarithms, as for a small strength both numbers are often too small for any float, and 0 / 0 no share.
    logarithms = gammas.log() + uniform.log() / strength
    return (logarithms[0] - logarithms[1]).sigmoid()


def mixed(values: Tensor, shares: Tensor, partners: Tensor) -> Tensor:
    """shares[i] * values[i] + (1 - shares[i]) * values[partners[i]] for each of values [B, ...]; contiguous."""
    weights = shares.to(values.dtype).view(-1, *[1] * (values.ndim - 1))
    return torch.lerp(values[partners], values, weights).contiguous()
