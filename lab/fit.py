"""Fit: the trial of a learner that learns from batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lab import parallel
from lab.backbones import Backbone
from lab.best import Best
from lab.data.dataset import Dataset
from lab.optim import Descent
from lab.probe import Case
from lab.stopping import StoppingConfig
from lab.trial import Illustration, Manner, Metrics, Speaker, State

log = logging.getLogger("lab")
PROBED_EXAMPLES = 16
PROBED_NUMBERS = 4_096  # of all their inputs: where very many units bend, any difference crosses a bend of one

Examples = Any
"""A set of examples of a kind that the learner understands: a `Dataset`, a `SequenceSet`, or one of your own."""


class BatchSource(Protocol):
    """An endless stream of batches with an exact position: `Batches`, `BucketedBatches`, or one of your own."""

    batch_size: int  # examples of each batch

    @property
    def dataset(self) -> Examples:
        """What is drawn from; of a learner that is probed, with `subset(indices)`."""
        ...

    def next(self) -> tuple:
        """The next batch."""
        ...

    def state_dict(self) -> State:
        """The position in the stream."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        ...


class Learner(Protocol):
    """Owns its networks and optimisers; one public verb changes them, `update`."""

    def update(self, batch: tuple) -> Metrics:
        """One step of learning on a batch."""
        ...

    def evaluate(self, dataset: Examples) -> Metrics:
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

    def probe_case(self, dataset: Examples) -> Case:
        """Its module, the inputs of a few examples, and its loss on them."""
        ...


@runtime_checkable
class CheckingLearner(Protocol):
    """A learner that knows which examples it cannot learn from."""

    def check(self, training: Examples, evaluation: Mapping[str, Examples]) -> None:
        """Raises ValueError for such an example, before the first update."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A set of examples that can be told from others."""

    def fingerprint(self) -> str:
        """Equal for the same examples in the same order."""
        ...


class Fit:
    """learner x batches. Evaluates on named data sets: the metric `accuracy` on `test` is `test_accuracy`.

    `unit` is what its budget counts: "updates", or "examples", in which fits of different batch sizes see the same
    data by the same step. With `stopping` it keeps the weights that were judged best and evaluates, shows and hands on
    those; once patience is out it takes them up for good and lets the rest of its budget pass without an update.

    Where several processes train together (lab.parallel), all draw the same batch, and each learns from its part.
    """

    def __init__(
        self,
        learner: Learner,
        batches: BatchSource,
        evaluation: Mapping[str, Examples],
        *,
        show: Callable[[], Mapping[str, Illustration]] | None = None,
        unit: Literal["updates", "examples"] = "updates",
        stopping: StoppingConfig | None = None,
    ):
        """Raises ValueError for an evaluation set without examples, and for what the learner cannot learn from."""
        for name, examples in evaluation.items():
            if isinstance(examples, Sized) and not len(examples):
                raise ValueError(
                    f"The {name} part has no examples, so there is nothing to judge by. Give it some, or leave it out."
                )
        self.learner, self.batches, self.evaluation, self.show = learner, batches, evaluation, show
        self.unit: str = unit
        if isinstance(learner, CheckingLearner):
            learner.check(batches.dataset, evaluation)
        self._per_update = batches.batch_size if unit == "examples" else 1
        self._steps = 0
        self._alone = parallel.size() == 1
        self._norms = [] if self._alone else _batch_norms(getattr(learner, "network", None))
        self._best: Best | None = None
        if stopping is not None and stopping.patience is not None:
            self._best = Best(learner, stopping, stopping.patience, evaluation)

    @property
    def steps(self) -> int:
        """Updates done, or examples seen, those that passed after it had stopped included."""
        return self._steps

    @property
    def backbone(self) -> Backbone | None:
        """The learner's, whose weights another experiment can begin with; none if it names none.

        With the weights that it is judged by: at its best where early stopping keeps that, averaged where they are.
        """
        backbone, descent = getattr(self.learner, "backbone", None), getattr(self.learner, "descent", None)
        best = self._best.applied() if self._best is not None else None
        average = descent.averaged() if isinstance(descent, Descent) and descent.average is not None else None
        if best is None and average is None:
            return backbone
        with best or nullcontext(), average or nullcontext():
            return deepcopy(backbone)

    def step(self) -> Metrics:
        """One update; nothing once it has stopped."""
        self._steps += self._per_update
        if self._best is None:
            return self._update()
        if self._best.exhausted:
            return {}
        metrics = self._update()
        self._best.observe(self._steps // self._per_update)
        return metrics

    def _update(self) -> Metrics:
        batch = self.batches.next()
        if self._alone:
            return self.learner.update(batch)
        metrics = self.learner.update(tuple(parallel.share(field) for field in batch))
        # What batch norm keeps of the parts: all processes keep the mean of that, and so remain one state.
        kept = [each for norm in self._norms if norm.training for each in (norm.running_mean, norm.running_var)]
        parallel.average([each for each in kept if each is not None])
        return metrics

    def check_shares(self, processes: int) -> None:
        """Raises ValueError where so many processes cannot share each batch: see `OneNetwork.mean_over_examples`."""
        if not getattr(self.learner, "mean_over_examples", False):
            raise ValueError(
                f"devices is {processes}, but the loss of a {type(self.learner).__name__} is not the plain mean over "
                "the examples of a batch, so that of its parts, one on each device, would teach something else. Run it "
                "on one (--devices 1); several seeds can run side by side (--jobs)."
            )
        if over := self.batches.batch_size % processes:
            fewer = self.batches.batch_size - over
            near = [str(each) for each in (fewer, fewer + processes) if each]
            raise ValueError(
                f"devices is {processes}, which do not take equal parts of a batch of {self.batches.batch_size} "
                f"examples. Set batch_size to a multiple of {processes}, such as {' or '.join(near)}, or devices to a "
                "number that divides it."
            )

    def evaluate(self) -> Metrics:
        """The learner's metrics on each evaluation set."""
        with self._judged():
            return {
                f"{name}_{metric}": value
                for name, dataset in self.evaluation.items()
                for metric, value in self.learner.evaluate(dataset).items()
            }

    def illustrate(self) -> Mapping[str, Illustration]:
        """What `show` returns, if it was given."""
        with self._judged():
            return self.show() if self.show is not None else {}

    def reply(self, prompt: str, manner: Manner) -> str:
        """The learner's answer to a text. Raises ValueError if it is none that speaks."""
        if not isinstance(self.learner, Speaker):
            raise ValueError(
                f"{type(self.learner).__name__} does not speak: it has no reply(prompt, manner). Ask a language model, "
                "a translator or a chat bot."
            )
        with self._judged():
            return self.learner.reply(prompt, manner)

    def _judged(self) -> AbstractContextManager[None]:
        """Inside, the learner is as it is judged."""
        return nullcontext() if self._best is None else self._best.applied()

    def probe_case(self) -> Case:
        """The learner's, on examples from all over the training set: at its start there may be those of one class."""
        if not isinstance(self.learner, ProbedLearner):
            raise ValueError(
                f"{type(self.learner).__name__} cannot be probed: it has no probe_case(dataset). Give it one that "
                "returns its module, the inputs and its loss."
            )
        examples = self.batches.dataset
        count = len(examples)
        wanted = PROBED_EXAMPLES
        if isinstance(examples, Dataset):
            wanted = max(4, min(wanted, PROBED_NUMBERS // max(1, examples.inputs[0].numel())))
        spread = torch.linspace(0, count - 1, min(wanted, count), dtype=torch.float64)
        return self.learner.probe_case(examples.subset(spread.long()))

    def state_dict(self) -> State:
        """The learner, the position in the data, the count of steps and which examples each part has; with early
        stopping what it keeps.
        """
        state = {
            "learner": self.learner.state_dict(),
            "batches": self.batches.state_dict(),
            "steps": self._steps,
            "parts": self._parts,
        }
        return state if self._best is None else state | {"best": self._best.state_dict()}

    @cached_property
    def _parts(self) -> dict[str, str]:
        parts = {"training": self.batches.dataset, **self.evaluation}
        return {name: part.fingerprint() for name, part in parts.items() if isinstance(part, Fingerprinted)}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state.

        Raises ValueError if a part has other examples than it had, or in another order: it might be judged by what it
        was trained on, and the order of batches would be another.
        """
        saved = state.get("parts", {})
        for name, now in self._parts.items():
            if (before := saved.get(name, now)) != now:
                raise ValueError(
                    f"The {name} part is not the one that this run began with: its examples have the fingerprint "
                    f"{now[:12]} in place of {before[:12]}. The files, or how they are split, were changed. Put them "
                    "back, or start over with --fresh."
                )
        self.load_for_viewing(state)

    def load_for_viewing(self, state: State) -> None:
        """As `load_state_dict`, whatever data there are now."""
        self.learner.load_state_dict(state["learner"])
        self.batches.load_state_dict(state["batches"])
        self._steps = state["steps"]
        if self._best is not None:
            self._best.load_state_dict(state["best"])


def _batch_norms(network: nn.Module | None) -> list[_BatchNorm]:
    """Those of a network that several processes train; says what comes of them."""
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm)] if network is not None else []
    if norms and parallel.rank() == 0:
        log.warning(
            "Batch norm takes mean and variance over each device's part of a batch, %s parts in all, so this is not "
            "the training of one device. Networks without it train alike on any number of devices.",
            parallel.size(),
        )
    return norms
