"""A network that learns and its frozen twin, which targets come from; each in the precision that it computes in."""

from __future__ import annotations

from copy import deepcopy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from lab.precision import HalfPrecision
from lab.trial import State

N = TypeVar("N", bound=nn.Module)


class NetworkPair(Generic[N]):
    """Weights are in float32 always; with `bfloat16` a copy of each network of that precision does the arithmetic."""

    def __init__(self, network: N, *, frozen: bool, bfloat16: bool):
        """Both begin in eval() mode; without `frozen` there is no twin."""
        self.network: N = network.eval()
        self.frozen: N | None = deepcopy(network).requires_grad_(False) if frozen else None
        self._halves = [HalfPrecision(each) for each in self.all()] if bfloat16 else []

    def all(self) -> list[N]:
        """Both, or the one that there is."""
        return [self.network] if self.frozen is None else [self.network, self.frozen]

    @property
    def computing(self) -> N:
        """What the learning network's outputs are computed by."""
        return self._halves[0].network if self._halves else self.network  # type: ignore[return-value]

    @property
    def computing_frozen(self) -> N | None:
        """What the twin's outputs are computed by."""
        return self._halves[1].network if self._halves and self.frozen else self.frozen  # type: ignore[return-value]

    def gradients(self, loss: Tensor) -> list[Tensor] | None:
        """Of a loss that `computing` gave, one a parameter of `network` that learns; None where autograd finds them."""
        return self._halves[0].gradients(loss) if self._halves else None

    def learnt(self) -> None:
        """To be called after the learning network's weights changed."""
        if self._halves:
            self._halves[0].refresh()

    def changed(self) -> None:
        """To be called after the weights of both changed."""
        for half in self._halves:
            half.refresh()

    @torch.no_grad()
    def freeze(self) -> None:
        """Makes the twin what the learning network is now."""
        if self.frozen is not None:
            for frozen, learnt in zip(self.frozen.state_dict().values(), self.network.state_dict().values()):
                frozen.copy_(learnt)
            self.changed()

    def state_dict(self) -> State:
        """The float32 weights; the tensors are those in use."""
        return {
            "network": self.network.state_dict(),
            "frozen": None if self.frozen is None else self.frozen.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        self.network.load_state_dict(state["network"])
        if self.frozen is not None:
            self.frozen.load_state_dict(state["frozen"])
        self.changed()
