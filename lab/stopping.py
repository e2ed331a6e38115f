"""Early stopping, as a small state that whoever judges can keep."""

from __future__ import annotations

import math
from typing import Literal

from lab.trial import State


class EarlyStopping:
    """Notices when a judged number has not improved for `patience` judgements in a row.

    A number that is not a number is no improvement. Source: Prechelt 1998, "Early stopping - but when?".
    """

    def __init__(self, patience: int, *, better: Literal["lower", "higher"] = "lower", least_gain: float = 0.0):
        if patience < 1:
            raise ValueError(f"patience is {patience}, which stops before anything was judged. Set it to 1 or more.")
        self.patience = patience  # judgements
        self.better = better
        self.least_gain = least_gain  # an improvement must be greater than this
        self.best: float | None = None
        self.judgements_since_best = 0

    def observe(self, value: float) -> bool:
        """Takes in a judgement; returns whether it is the best so far (and so worth keeping)."""
        gain = math.inf
        if self.best is not None:
            gain = self.best - value if self.better == "lower" else value - self.best
        if not math.isnan(value) and gain > self.least_gain:
            self.best, self.judgements_since_best = value, 0
            return True
        self.judgements_since_best += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether it is time to stop."""
        return self.judgements_since_best >= self.patience

    def state_dict(self) -> State:
        """The best and how long ago it was."""
        return {"best": self.best, "judgements_since_best": self.judgements_since_best}

    def load_state_dict(self, state: State) -> None:
        """Takes up a state."""
        self.best, self.judgements_since_best = state["best"], state["judgements_since_best"]
