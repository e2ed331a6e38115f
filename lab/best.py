"""The best so far: a learner's state when it was judged best, kept while it learns on, taken up at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Protocol

from lab import parallel
from lab.seeding import preserved_generators
from lab.stopping import EarlyStopping, StoppingConfig
from lab.trial import Metrics, State


class Judged(Protocol):
    """What can be judged, kept and put back."""

    def evaluate(self, dataset: Any) -> Metrics: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class Best:
    """Judges a learner in a rhythm of its own, so that what it keeps does not depend on when a run looks.

    Source: Goodfellow et al. 2016, algorithm 7.1.
    """

    def __init__(self, learner: Judged, config: StoppingConfig, patience: int, evaluation: Mapping[str, Any]):
        """Raises ValueError where the config names no evaluation set."""
        if config.dataset not in evaluation:
            raise ValueError(
                f"stopping.dataset is {config.dataset!r}, but there is no such evaluation set to judge on. "
                f"Choose one of {', '.join(evaluation) or 'those that you give the fit'}."
            )
        self.learner, self.config, self.dataset = learner, config, evaluation[config.dataset]
        self.stopping = EarlyStopping(patience, better=config.better, least_gain=config.least_gain)
        self.kept: State | None = None  # the learner's whole state at its best; none before and after

    @property
    def exhausted(self) -> bool:
        """Whether patience is out; the learner then is the best for good."""
        return self.stopping.exhausted

    def observe(self, updates: int) -> None:
        """Judges after so many updates, if it is time to; keeps the learner, or makes it the best for good."""
        if updates % self.config.judge_every:
            return
        with preserved_generators():
            metrics = self.learner.evaluate(self.dataset)
        if self.config.metric not in metrics:
            raise ValueError(
                f"stopping.metric is {self.config.metric!r}, which {type(self.learner).__name__} does not measure. "
                f"Choose one of {', '.join(metrics)}."
            )
        # Of several processes all go by what the first has found, so that they stop together.
        if self.stopping.observe(parallel.from_first(float(metrics[self.config.metric]))):
            self.kept = deepcopy(self.learner.state_dict())
        if self.exhausted and self.kept is not None:
            self.learner.load_state_dict(self.kept)
            self.kept = None

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the learner is as it was at its best; afterwards as before, bit for bit."""
        if self.kept is None:
            yield
            return
        now = deepcopy(self.learner.state_dict())
        self.learner.load_state_dict(self.kept)
        try:
            yield
        finally:
            self.learner.load_state_dict(now)

    def state_dict(self) -> State:
        """The judgements in short, and what is kept: not a copy, as it is never changed in place."""
        return {"stopping": self.stopping.state_dict(), "kept": self.kept}

    def load_state_dict(self, state: State) -> None:
        """Takes up a state."""
        self.stopping.load_state_dict(state["stopping"])
        self.kept = state["kept"]
