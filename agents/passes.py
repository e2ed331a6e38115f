"""A Q-network's passes, from observations to values and to a loss; compiled by torch if that is wanted.

Compiling fuses what lies between the large products. On two cores of a Xeon that made a bare loop of updates of the
Nature network faster (14.2 ms instead of 16.8), but not DQN on Pong as a whole (benchmarks/dqn_atari.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from agents.distributional import categorical_loss
from agents.dqn_config import DQNConfig
from agents.losses import action_error, half_square, huber
from agents.noisy import NoisyLinear
from agents.q_network import QNetwork
from lab.backbones import memory_format

_CACHED_ROWS = 512  # rows whose features stay in a processor's cache; more at once are slower


class Passes:
    """How a config passes observations through networks that are built alike."""

    def __init__(self, config: DQNConfig, network: QNetwork, device: torch.device):
        self.config, self.device = config, device
        self.memory_format = memory_format(network)
        if config.compiled:
            # What compiles is counted by the function, which all agents of a process share: past a limit, torch would
            # leave a later one uncompiled, without a word and with other bits.
            torch.compiler.reset()
        self._has_modes = any(isinstance(module, NoisyLinear | nn.Dropout) for module in network.modules())
        self._forward: Callable[[QNetwork, Tensor], Tensor] = self._compiled(self._pass)
        self._losses: Callable[..., tuple[Tensor, Tensor]] = self._compiled(self._losses_of)

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if not self.config.compiled:
            return function
        return torch.compile(function, dynamic=False)

    def __getstate__(self) -> dict[str, Any]:
        """For copies: what was compiled refers to the original."""
        return {name: value for name, value in vars(self).items() if name not in ("_forward", "_losses")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forward, self._losses = self._compiled(self._pass), self._compiled(self._losses_of)

    def inputs(self, observations: Tensor) -> Tensor:
        """Observations in the network's precision and order of memory; bytes are pixels, scaled to [0, 1]."""
        inputs = observations.to(self.device, non_blocking=True)
        pixels = inputs.dtype == torch.uint8
        if inputs.ndim == 4 and pixels and inputs.is_cpu and self.memory_format == torch.channels_last:
            # The same as below in two thirds of the time: torch is slow to put single bytes in another order.
            inputs = torch.stack(inputs.unbind(1), -1).permute(0, 3, 1, 2)
        elif inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=self.memory_format)
        inputs = inputs.to(torch.bfloat16 if self.config.bfloat16 else torch.float32)
        return inputs.div_(255) if pixels else inputs

    def act(self, network: QNetwork, observations: Tensor, noisy: bool) -> Tensor:
        """Outputs [N, A] or [N, A, K]. Not compiled, as the number of observations varies."""
        with self._mode(network, noisy):
            return network(self.inputs(observations))

    @torch.no_grad()
    def outputs(self, network: QNetwork, observations: Tensor) -> Tensor:
        """Outputs of many observations [n, ...], without gradient: values [n, A] or logits [n, A, K]."""
        with self._mode(network, self.config.noisy):
            parts = [self._forward(network, part) for part in observations.split(_CACHED_ROWS)]
        return torch.cat(parts)

    def loss(
        self, network: QNetwork, observation: Tensor, action: Tensor, target: Tensor, weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The mean loss of a batch [B], with gradient, and what each transition's new priority follows, [B]."""
        with self._mode(network, True):
            return self._losses(network, observation, action, target, weights)

    def _pass(self, network: QNetwork, observations: Tensor) -> Tensor:
        return network(self.inputs(observations))

    def _losses_of(
        self, network: QNetwork, observation: Tensor, action: Tensor, target: Tensor, weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        outputs = network(self.inputs(observation))
        if self.config.distributional:
            errors = losses = categorical_loss(outputs, action, target)
        else:
            errors = action_error(outputs, action, target)
            losses = huber(errors) if self.config.huber else half_square(errors)
        return (losses if weights is None else losses * weights).mean(), errors.detach()

    @contextmanager
    def _mode(self, network: QNetwork, training: bool) -> Iterator[None]:
        """Inside, the network is in train() mode if so wanted, and if that makes a difference: it costs 0.1 ms."""
        training &= self._has_modes
        if training:
            network.train()
        try:
            yield
        finally:
            if training:
                network.eval()
