"""A block of updates: the transitions drawn for it, and what the frozen target network says of where they led."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.later import Later
from agents.replay import Batch
from lab.trial import State


@dataclass(frozen=True)
class Block:
    """U updates from batches of B transitions; once it is drawn, the replay may go on."""

    rows: Tensor  # [U, B] of the replay
    weights: Tensor | None  # [U, B] that make up for drawing by priority
    batches: Batch  # fields [U, B, ...]
    frozen: Later[Tensor] | None  # of the next observations, [U, B, A] or [U, B, A, atoms]; none without such a network

    def updates(self) -> Iterator[tuple[Tensor, Tensor | None, Batch, Tensor | None]]:
        """For each update its rows, weights, batch and the frozen network's outputs."""
        frozen = None if self.frozen is None else self.frozen.result()
        batches = zip(*(field.unbind(0) for field in self.batches))
        for i, batch in enumerate(batches):
            weights, outputs = (None if each is None else each[i] for each in (self.weights, frozen))
            yield self.rows[i], weights, Batch._make(batch), outputs

    def wait(self) -> None:
        """Until nothing of it is computed any more."""
        if self.frozen is not None:
            self.frozen.result()

    def state_dict(self) -> State:
        """Everything; the tensors are those in use."""
        return {
            "rows": self.rows,
            "weights": self.weights,
            "batches": self.batches._asdict(),
            "frozen": None if self.frozen is None else self.frozen.result(),
        }

    @classmethod
    def of(cls, state: State, device: torch.device) -> Block:
        """A copy, on the device, of the block whose state this is."""
        weights, frozen = (
            None if state[name] is None else state[name].to(device, copy=True) for name in ("weights", "frozen")
        )
        batches = Batch(**{name: field.to(device, copy=True) for name, field in state["batches"].items()})
        later = None if frozen is None else Later(lambda: frozen, beside=False)
        return cls(state["rows"].to(device, copy=True), weights, batches, later)
