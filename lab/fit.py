"""Fit: the trial of a learner that learns from batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from lab.backbones import Backbone
from lab.data import Batches, Dataset
from lab.probe import Case
from lab.trial import Clip, Metrics, Picture, State

PROBED_EXAMPLES = 16


class Learner(Protocol):
    """Owns its networks and optimisers; one public verb changes them, `update`."""

    def update(self, batch: tuple) -> Metrics:
        """One step of learning on a batch."""
        ...

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Judges on a whole data set; changes nothing."""
        ...

    def state_dict(self) -> State:
        """Weights, optimisers and counters."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Takes up a state exactly."""
        ...


@runtime_checkable
class ProbedLearner(Protocol):
    """A learner whose model can be probed."""

    def probe_case(self, dataset: Dataset) -> Case:
        """Its module, the inputs of a few examples, and its loss on them."""
        ...


class Fit:
    """learner x batches. Evaluates on named data sets: the metric `accuracy` on `test` is `test_accuracy`."""

    unit = "updates"

    def __init__(
        self,
        learner: Learner,
        batches: Batches,
        evaluation: Mapping[str, Dataset],
        *,
        show: Callable[[], Mapping[str, Picture | Clip]] | None = None,
    ):
        self.learner, self.batches, self.evaluation, self.show = learner, batches, evaluation, show
        self._steps = 0

    @property
    def steps(self) -> int:
        """Updates done."""
        return self._steps

    @property
    def backbone(self) -> Backbone | None:
        """The learner's, whose weights another experiment can begin with; none if it names none."""
        return getattr(self.learner, "backbone", None)

    def step(self) -> Metrics:
        """One update."""
        self._steps += 1
        return self.learner.update(self.batches.next())

    def evaluate(self) -> Metrics:
        """The learner's metrics on each evaluation set."""
        return {
            f"{name}_{metric}": value
            for name, dataset in self.evaluation.items()
            for metric, value in self.learner.evaluate(dataset).items()
        }

    def illustrate(self) -> Mapping[str, Picture | Clip]:
        """What `show` returns, if it was given."""
        return self.show() if self.show is not None else {}

    def probe_case(self) -> Case:
        """The learner's, on the first examples of the training set."""
        if not isinstance(self.learner, ProbedLearner):
            raise ValueError(
                f"{type(self.learner).__name__} cannot be probed: it has no probe_case(dataset). Give it one that "
                "returns its module, the inputs and its loss."
            )
        few = self.batches.dataset
        return self.learner.probe_case(Dataset(few.inputs[:PROBED_EXAMPLES], few.labels[:PROBED_EXAMPLES]))

    def state_dict(self) -> State:
        """The learner, the position in the data and the count of updates."""
        return {"learner": self.learner.state_dict(), "batches": self.batches.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.learner.load_state_dict(state["learner"])
        self.batches.load_state_dict(state["batches"])
        self._steps = state["steps"]
