"""Means of training metrics between two logs, which a checkpoint carries over."""

from __future__ import annotations

import torch
from torch import Tensor

from lab import parallel
from lab.trial import Metrics, State


class NonFiniteMetric(ArithmeticError):
    """A training metric became infinite or not a number."""


class Averages:
    """Means of training metrics between two logs. Values stay tensors until `take`, the one transfer a log."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor | float]] = {}
        self.steps: dict[str, list[int]] = {}  # where each value came from, to name the step of a bad one

    def add(self, step: int, metrics: Metrics) -> None:
        for name, value in metrics.items():
            if name not in self.values:
                self.values[name], self.steps[name] = [], []
            self.values[name].append(value)
            self.steps[name].append(step)

    def take(self) -> dict[str, float]:
        """The mean of each metric since the last call. Raises NonFiniteMetric for one that is no number."""
        means = {name: float(numbers.mean()) for name, numbers in self._finite(self._stacked()).items()}
        self.values, self.steps = {}, {}
        return means

    def state_dict(self) -> State:
        """What was added since the last `take`. Raises NonFiniteMetric too, so that no checkpoint holds a bad one."""
        values = self._stacked()
        self._finite(values)
        return {"values": values, "steps": {name: list(steps) for name, steps in self.steps.items()}}

    def _stacked(self) -> dict[str, Tensor]:
        return {name: _stacked(values) for name, values in self.values.items()}

    def _finite(self, stacked: dict[str, Tensor]) -> dict[str, Tensor]:
        """The means over all processes."""
        every = parallel.averaged(stacked)
        for name, numbers in every.items():
            finite = numbers.isfinite()
            if not bool(finite.all()):
                first = int((~finite).nonzero()[0])
                raise NonFiniteMetric(
                    f"The training metric {name!r} became {float(numbers[first])} at step {self.steps[name][first]}. "
                    "A learning rate that is too high is the usual cause: lower it, or clip the gradients."
                )
        return every

    def load_state_dict(self, state: State) -> None:
        self.values = {name: values.tolist() for name, values in state["values"].items()}
        self.steps = {name: list(steps) for name, steps in state["steps"].items()}


def _stacked(values: list[Tensor | float]) -> Tensor:
    """[K] float64 on the CPU. Double, so that a mean does not depend on how floats and tensors are mixed."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    if len(tensors) == len(values) and len({(t.dtype, t.device) for t in tensors}) == 1:
        # One stack and few calls: an agent leaves several tensors a step here, and each call on each would be felt.
        return torch.stack([t if t.ndim == 0 else t.reshape(()) for t in tensors]).detach().cpu().double()
    return torch.tensor([float(v) for v in values], dtype=torch.float64)
