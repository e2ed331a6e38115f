"""Arithmetic in bfloat16, weights in float32: about half the time of an update where the processor has bfloat16.

Source: Micikevicius et al. 2018, "Mixed precision training" (the float32 weights); Kalamkar et al. 2019, "A study of
bfloat16 for deep learning training" (its range is float32's, so no loss has to be scaled).
"""

from __future__ import annotations

import logging
from copy import deepcopy

import torch
from torch import Tensor, nn

log = logging.getLogger("lab")


class HalfPrecision:
    """A bfloat16 copy of a network, which does the arithmetic, while the network itself keeps float32 weights.

    Autocast would do the same but casts each weight anew in every pass: on a CPU the casts then cost more than some
    of the products. Here a weight is cast once an update.
    """

    def __init__(self, network: nn.Module):
        self.master = network
        self.network = deepcopy(network).to(torch.bfloat16)
        # Listed once: to walk through the modules for them in every update would be felt.
        self._masters: list[Tensor] = list(network.parameters())
        self._halves: list[Tensor] = list(self.network.parameters())
        self._learning: list[Tensor] = [half for half in self._halves if half.requires_grad]
        # In the master's order of memory: fused optimisers walk through it without looking at strides. And kept, as
        # fresh memory costs more than what is written to it.
        self._gradients = [torch.empty_like(master.detach()) for master in self._masters if master.requires_grad]

    @torch.no_grad()
    def refresh(self) -> None:
        """Takes over the master's weights, after they changed. Buffers are whose forward pass wrote them."""
        torch._foreach_copy_(self._halves, self._masters)

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """The gradient of a loss that `network` computed, in float32: of each parameter of the master that takes one.

        They are good until the next call, which writes to the same memory.
        """
        found = torch.autograd.grad(loss, self._learning)
        torch._foreach_copy_(self._gradients, list(found))
        return self._gradients


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 matrices by instructions of its own; others imitate them, slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        there = torch.cpu.get_capabilities()
        return any(there.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return True  # nothing better is known, and the answer only decides about a warning


def warn_if_imitated(device: torch.device | str) -> None:
    """Tells whoever asked for bfloat16 on a device without it that it costs time there."""
    if not has_bfloat16(torch.device(device)):
        log.warning("%s has no instructions for bfloat16 and imitates it: without it is faster.", device)


def autocast_bfloat16(network: nn.Module, inputs: Tensor) -> Tensor:
    """What a network makes of its inputs by arithmetic in bfloat16: weights and outputs stay float32."""
    with torch.autocast(inputs.device.type, torch.bfloat16):
        return network(inputs).float()
