"""Early stopping, as a small state that whoever judges can keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from lab.ranges import check_choices, check_name
from lab.trial import State

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class StoppingConfig:
    """When a fit stops, and which weights it keeps: those that were best by a metric of one of its evaluation sets."""

    patience: int | None = None  # judgements without improvement before it stops; none: learns on, keeps the last
    judge_every: int = 50  # updates from one judgement to the next, whatever the run's own cadence of evaluating
    dataset: str = "dev"  # the evaluation set that is judged on; never the test set, whose score it would embellish
    metric: str = "loss"  # one of the learner's
    better: Better = "lower"
    least_gain: float = 0.0  # an improvement must be greater than this

    def __post_init__(self) -> None:
        """Raises ValueError where nothing would ever be judged, or by nothing that there is."""
        check_choices(self)
        if self.judge_every < 1:
            raise ValueError(f"judge_every is {self.judge_every} updates. Set it to 1 or more.")


class EarlyStopping:
    """Notices when a judged number has not improved for `patience` judgements in a row.

    A number that is not a number is no improvement. Source: Prechelt 1998, "Early stopping - but when?".
    """

    def __init__(self, patience: int, *, better: Better = "lower", least_gain: float = 0.0):
        if patience < 1:
            raise ValueError(f"patience is {patience}, which stops before anything was judged. Set it to 1 or more.")
        check_name(better, get_args(Better), "better")
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
