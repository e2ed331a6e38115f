"""The trial: one seeded attempt at learning something, and the types that cross its border."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

Metrics = dict[str, Tensor | float]
"""Named scalars. They stay tensors until they are logged, so that no device waits for the host."""

State = dict[str, Any]
"""A tree of dicts (text keys), lists and tuples over tensors, arrays, numbers, text, booleans and None."""

Record = dict[str, Any]
"""Something that happened, as a flat dict of numbers, text and arrays."""


class Trial(Protocol):
    """One seeded attempt. `run` drives it and needs nothing else."""

    unit: str  # what `steps` counts: "environment steps", "updates", "words"

    @property
    def steps(self) -> int:
        """How many units are done since the trial began, resumes included."""
        ...

    def step(self) -> Metrics:
        """Goes on by one or more units and returns what happened (possibly nothing)."""
        ...

    def evaluate(self) -> Metrics:
        """Judges what was learnt so far. Training goes on afterwards as if this had not been called."""
        ...

    def state_dict(self) -> State:
        """Returns everything that is needed to go on exactly: weights, optimisers, generators, positions."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Takes up a state so that what follows equals never having stopped, bit for bit."""
        ...


@runtime_checkable
class Nursed(Protocol):
    """What becomes a trial, and between two steps perhaps another, which takes up the state of the one before."""

    def trial(self, step: int) -> Trial:
        """Builds the trial that goes on from a step: 0, or one that a checkpoint was saved at."""
        ...

    def due(self, step: int) -> bool:
        """Whether it is to be another from this step on. Asked before every step, so the answer has to be quick."""
        ...

    def took(self) -> None:
        """Takes note that the other one has taken up the state and made its first step, before anything is saved."""
        ...

    def refuse(self, error: Exception) -> None:
        """Takes note that it could not: `trial` is then asked for the former one. Raises what may not be refused."""
        ...


@dataclass(frozen=True)
class Picture:
    """An image to look at: pixels [H, W, 3] uint8."""

    pixels: np.ndarray
    caption: str = ""


@dataclass(frozen=True)
class Clip:
    """A moving picture."""

    frames: Iterable[np.ndarray]  # T of [H, W, 3] uint8: an array, or what makes each when it is gone through
    frames_per_second: int = 30
    caption: str = ""


@dataclass(frozen=True)
class Passage:
    """Text to read: what a model wrote, its lines as they are."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table of numbers of at least 0 by two lists of names: a confusion table of counts, a map of attention.

    `values` [R, C] belong to `rows` (R names) and `columns` (C names). Raises ValueError where they do not fit.
    """

    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    down: str  # what the rows are: "true class"
    across: str  # what the columns are: "answer"
    right: bool = False  # whether what is right stands on the diagonal, and mistakes beside it
    caption: str = ""

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.rows), len(self.columns)):
            raise ValueError(
                f"The values have shape {list(self.values.shape)}, but there are {len(self.rows)} rows and "
                f"{len(self.columns)} columns. Give one row of values a name of a row, one column a name of a column."
            )


Illustration = Picture | Clip | Passage | Grid
"""What a run leaves to look at."""


@runtime_checkable
class Illustrated(Protocol):
    """A trial that can show what it learnt. Like `evaluate`, showing never changes training."""

    def illustrate(self) -> Mapping[str, Illustration]:
        """Returns pictures, clips and passages by name, each name fit for a file."""
        ...


@runtime_checkable
class Viewable(Protocol):
    """Something that can be looked at without all that going on would take, such as a replay of many gigabytes."""

    def load_for_viewing(self, state: State) -> None:
        """Takes up of a state what evaluating and showing need, and leaves its large tensors alone."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A trial that leaves records of what happened. They are no part of its state and shape nothing."""

    def take_records(self) -> list[Record]:
        """What happened since the last call, in order: each record is given once. All have the same keys."""
        ...


@runtime_checkable
class Replayable(Protocol):
    """A trial whose records are episodes that can be watched later.

    Each has a `kind` ("training", "evaluation" or "rehearsal"), the trial's `step` at its end, a `length` and a
    `return`.
    """

    def rehearse(self) -> Record:
        """An episode as it would go now, without exploration. Like `evaluate`, it never changes training."""
        ...

    def replay(self, record: Record, *, width: int, max_frames: int | None = None) -> Clip:
        """The episode in a picture `width` pixels wide, and beside it what the trial thinks of it now.

        With `max_frames`, of every so many frames one is shown. Raises ValueError if what happens is not what was
        recorded.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a model speaks."""

    length: int = 500  # characters or words at most
    temperature: float = 0.8  # divides the log-probabilities before a symbol is drawn; 0: always the likeliest
    top_k: int = 0  # of how many of the likeliest symbols one is drawn; 0: of all
    beam: int = 1  # answers that are followed side by side, where the model searches instead of drawing
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length < 1 or self.temperature < 0 or self.top_k < 0 or self.beam < 1:
            raise ValueError(
                f"length is {self.length}, temperature {self.temperature}, top_k {self.top_k} and beam {self.beam}: a "
                "model says at least one symbol, at a temperature of 0 or more, drawn of 0 (all) or more, following at "
                "least one answer. Raise them."
            )

    def draw(self, logits: Tensor, generator: torch.Generator) -> int:
        """A symbol by its logits [symbols], of the `top_k` likeliest where that is set; at temperature 0 the likeliest.

        Source of top_k: Fan et al. 2018, "Hierarchical neural story generation", section 5.1.
        """
        if self.temperature == 0:
            return int(logits.argmax())
        logits = logits.double() / self.temperature
        if 0 < self.top_k < len(logits):
            least = logits.topk(self.top_k).values[-1]
            logits = logits.masked_fill(logits < least, -math.inf)
        return int(torch.multinomial(logits.softmax(-1), 1, generator=generator))


@runtime_checkable
class Speaker(Protocol):
    """Something that answers text with text: a language model goes on, a translator translates, a chat bot replies."""

    def reply(self, prompt: str, manner: Manner) -> str:
        """The answer. Like `evaluate`, it never changes training. Raises ValueError for what it cannot read."""
        ...
