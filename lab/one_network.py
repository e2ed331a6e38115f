"""What learners of one network share: the state that they go on from, and updates that a GPU is given whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lab import parallel
from lab.optim import Descent, OptimizerConfig
from lab.recording import Graphed
from lab.trial import Metrics, State


class OneNetwork:
    """A learner of one network that one descent changes; all else that it holds is settings, or belongs to the data."""

    network: nn.Module
    descent: Descent
    updating: Updating | None = None
    mean_over_examples = False
    """Whether its loss is the plain mean over the examples of a batch, all of which weigh the same, so that the mean
    of its gradients on equal parts of a batch is the gradient on the whole: several devices can then train it. What it
    draws for a batch it draws for the whole, and takes its `lab.parallel.share`."""

    def descend_by(
        self,
        optimizer: OptimizerConfig,
        update: Callable[..., Metrics],
        device: torch.device | str,
        shares: Mapping[nn.Parameter, float] | None = None,
    ) -> Updating:
        """Sets up the descent of the network, which lies on the device, and gives its updates: see `Updating`.

        Parameters in `shares` get that share of the learning rate.
        """
        device = torch.device(device)
        recorded = device.type == "cuda" and parallel.size() == 1  # what processes say to each other is not recorded
        self.descent = Descent(self.network.parameters(), optimizer, shares=shares, capturable=recorded)
        return Updating(self.network, self.descent, update, device)

    def state_dict(self) -> State:
        """Weights, running statistics, optimiser."""
        return {"network": dict(self.network.state_dict()), "descent": self.descent.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.network.load_state_dict(state["network"])
        self.descent.load_state_dict(state["descent"])
        if self.updating is not None:
            self.updating.recorded.forget()  # moments may lie elsewhere now


class Updating:
    """The updates of a learner that waits for nothing in them; a GPU records them, once for each shape of a batch."""

    def __init__(self, network: nn.Module, descent: Descent, update: Callable[..., Metrics], device: torch.device):
        """`update` takes a batch's tensors, descends once and gives tensors as metrics; the network is in train()."""
        self.network, self.descent, self.update = network, descent, update
        self.recorded = Graphed(self._values, device)
        self._names: list[str] = []

    def __call__(self, batch: tuple[Tensor, ...]) -> Metrics:
        if not self.network.training:  # walking through all modules costs a small network half its overhead
            self.network.train()
        if not self.descent.capturable:
            return self.update(*batch)
        done, metrics = self.descent.updates, self.descent.follow_decay()
        values = self.recorded(*batch)
        self.descent.counted(done + 1)
        return metrics | dict(zip(self._names, values, strict=True))

    def _values(self, *batch: Tensor) -> tuple[Tensor, ...]:
        metrics = self.update(*batch)
        self._names = list(metrics)
        return tuple(torch.as_tensor(value) for value in metrics.values())
