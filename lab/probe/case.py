"""What a model in training hands to the probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from torch import Tensor, nn

from lab.backbones import SequenceBackbone
from lab.gradients import Function
from lab.probe.expectation import Expectation
from lab.probe.report import Report, probe


@dataclass(frozen=True)
class Case:
    """What `probe` takes of a model in training."""

    module: nn.Module
    inputs: Tensor  # [B, ...]
    loss: Function  # (module, inputs) -> scalar, with a least value near 0
    expected: Expectation | None = None  # what the loss should be before anything is learnt; none: not asked
    outputs: Function | None = None  # (module, inputs) -> [B, ...]; none: what the module returns
    causal: bool = False  # whether output t [B, T, ...] must depend on the inputs up to t alone

    @classmethod
    def of_network(
        cls, network: nn.Sequential, inputs: Tensor, loss: Function, expected: Expectation | None = None
    ) -> Case:
        """Of a backbone with a head on it; if the backbone calls itself causal, its steps must keep the order."""
        if isinstance(network[0], SequenceBackbone) and network[0].causal:
            return cls(network, inputs, loss, expected, outputs=_steps, causal=True)
        return cls(network, inputs, loss, expected)

    def probe(self, **settings: Any) -> Report:
        """Puts all questions to it; the settings are those of `probe`."""
        settings |= {"outputs": self.outputs, "causal": self.causal, "expected": self.expected}
        return probe(self.module, self.inputs, self.loss, **settings)


def _steps(network: nn.Module, inputs: Tensor) -> Tensor:
    return cast(SequenceBackbone, cast(nn.Sequential, network)[0]).steps(inputs)


@runtime_checkable
class Probed(Protocol):
    """A trial whose model can be probed: `lab probe` does."""

    def probe_case(self) -> Case:
        """The model with a few examples and the loss it learns from."""
        ...
