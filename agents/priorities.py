"""Priorities: drawing what surprised more often, and weights that correct for it (Schaul et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.sum_tree import SumTree
from lab.schedules import Schedule, linear
from lab.trial import State


@dataclass(frozen=True, kw_only=True)
class PrioritisedConfig:
    """How transitions are drawn in proportion to their last error."""

    exponent: float = 0.5
    """Of the error, alpha of the paper; 0 draws uniformly."""
    importance: Schedule = linear(0.4, 1.0, 50_000)
    """Exponent of the importance weights, beta of the paper; 1 corrects the drawing wholly."""
    epsilon: float = 1e-6
    """Added to every error, so that what is known well is still drawn now and then."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if not 0 <= self.exponent <= 1:
            raise ValueError(
                f"priorities.exponent is {self.exponent}, outside 0 (all alike) to 1 (in proportion to the error). "
                "Set it between."
            )
        for step in self.importance.turns:
            if not 0 <= (exponent := self.importance(step)) <= 1:
                raise ValueError(
                    f"priorities.importance is {exponent} at step {step}, outside 0 (no correction) to 1 (whole). "
                    "Let its schedule stay between."
                )
        if not 1e-30 <= self.epsilon < float("inf"):
            raise ValueError(
                f"priorities.epsilon is {self.epsilon}, but a transition without error must keep a priority above 0 "
                "in single precision. Set it to 1e-6."
            )


class Priorities:
    """A priority for each row of a replay, on the device of the generator; 0 where nothing can be drawn.

    Variant: proportional, stratified (Schaul et al. 2016, section 3.3 and appendix B.2.1).
    """

    def __init__(self, config: PrioritisedConfig, size: int, generator: torch.Generator):
        """With `size` rows, none of which can be drawn, and the generator that `draw` draws from."""
        self.config, self.generator = config, generator
        self.tree = SumTree(size, generator.device)
        self.largest = torch.ones((), device=generator.device)  # priority so far, which new rows begin with

    def renew(self, rows: Tensor, valid: Tensor) -> None:
        """Rows [M] with a new transition (valid [M] true) get the largest priority so far, the others 0."""
        self.tree.set(rows, torch.where(valid, self.largest, 0.0))

    def draw(self, count: int) -> Tensor:
        """Rows [count] int64, with replacement: one from each of `count` equal parts of the sum, in random order.

        In random order, so that whoever splits them into batches gets batches of all parts.
        """
        device = self.generator.device
        part = torch.randperm(count, generator=self.generator, device=device)
        within = torch.rand(count, generator=self.generator, dtype=torch.float64, device=device)
        return self.tree.find((part + within) * (self.tree.total / count))

    def weights(self, rows: Tensor, exponent: float) -> Tensor:
        """Importance weights of batches rows [..., B]: (N P(row)) ** -exponent, the largest of each batch scaled to 1.

        So the number of rows N and the sum of priorities cancel out. Section 3.4 of the paper.
        """
        priorities = self.tree.at(rows)
        return (priorities.amin(-1, keepdim=True) / priorities) ** exponent

    def prioritise(self, rows: Tensor, errors: Tensor) -> None:
        """Sets the priorities of rows [...] to (|errors [...]| + epsilon) ** exponent; errors must be finite.

        A row that was given up since it was drawn stays at 0; one that came twice gets the larger priority.
        """
        rows, errors = rows.flatten(), errors.detach().flatten().float()
        priorities = (errors.abs() + self.config.epsilon) ** self.config.exponent
        priorities = torch.where(self.tree.at(rows) > 0, priorities, 0.0)
        torch.maximum(self.largest, priorities.amax(), out=self.largest)
        self.tree.set(rows, priorities)

    def state_dict(self) -> State:
        """Everything but the generator, which is its owner's; the tensors are those in use."""
        return {"tree": self.tree.state_dict(), "largest": self.largest}

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        self.tree.load_state_dict(state["tree"])
        self.largest.copy_(state["largest"])
