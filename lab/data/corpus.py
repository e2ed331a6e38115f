"""A corpus: one long text, read in windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.data.dataset import Dataset
from lab.data.text import read_text
from lab.data.vocabulary import Vocabulary
from lab.seeding import Seeds
from lab.trial import State

QUOTED = 500  # characters in an excerpt
Symbols = TypeVar("Symbols", Tensor, NDArray[Any])


@dataclass(frozen=True)
class Corpus:
    """One text."""

    text: str

    def __len__(self) -> int:
        return len(self.text)

    def numbered(self) -> tuple[Vocabulary, Tensor]:
        """The different characters in the order of their code points, and the text as their numbers: int64 [S]."""
        codes = np.frombuffer(self.text.encode("utf-32-le"), dtype="<u4")
        there = np.zeros(codes.max(initial=0) + 1, bool)  # by code point: np.unique would sort the text
        there[codes] = True
        numbers = (there.cumsum() - 1)[codes]
        return Vocabulary(tuple(map(chr, there.nonzero()[0]))), torch.from_numpy(numbers).long()

    def excerpt(self) -> str:
        """How it begins."""
        return f"{len(self):,} characters, {len(set(self.text))} different ones:\n\n{self.text[:QUOTED]}..."


def read_corpus(path: str | Path) -> Corpus:
    """A UTF-8 text file as it is; one whose name ends in .gz is unzipped. Raises ValueError as `read_text` does."""
    return Corpus(read_text(Path(path)))


def first_and_rest(symbols: Symbols, share: float) -> tuple[Symbols, Symbols]:
    """The first `share` of the symbols [S], and the rest, both views. Raises ValueError for a share that is none."""
    if not 0 < share < 1:
        raise ValueError(f"share is {share}, but it parts a text in two. Set it between 0 and 1.")
    place = int(share * len(symbols))
    return symbols[:place], symbols[place:]


def windows(symbols: Tensor, num_steps: int) -> Dataset:
    """One window after another: inputs and, a step later in the text, labels, both [N, num_steps] of `symbols` [S].

    Every symbol but the first is a label once; those at the end that fill no window are left out. Raises ValueError for
    a text that is shorter than a window and its next symbol.
    """
    count = (len(symbols) - 1) // num_steps
    if count < 1:
        raise ValueError(
            f"The text has {len(symbols):,} symbols, but a window is {num_steps:,} long and the symbol after it is the "
            "last label. Give a longer text, or shorter windows."
        )
    return Dataset(
        symbols[: count * num_steps].reshape(count, num_steps), symbols[1 : count * num_steps + 1].reshape(count, -1)
    )


class RandomWindows:
    """An endless stream of windows that begin anywhere in a text, on the device that the text lies on.

    Where those of a batch begin is a function of (seeds, how many batches there were), so that is the whole position.
    """

    def __init__(self, symbols: Tensor, batch_size: int, num_steps: int, seeds: Seeds):
        """`symbols` is int64 [S]. Raises ValueError for a text that is too short."""
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, but an update learns from one window or more. Raise it.")
        self.symbols, self.batch_size, self.num_steps, self.seeds = symbols, batch_size, num_steps, seeds
        self.position = 0  # batches drawn
        self._windows = windows(symbols, num_steps)  # a view: it costs no memory
        self._steps = torch.arange(num_steps + 1, device=symbols.device)
        self._generator = torch.Generator()

    @property
    def dataset(self) -> Dataset:
        """The text in windows that do not overlap."""
        return self._windows

    def next(self) -> tuple[Tensor, Tensor]:
        """Inputs and labels [B, num_steps], the labels a step later in the text."""
        self._generator.manual_seed(self.seeds.derive(f"windows/{self.position}"))
        self.position += 1
        # Drawn on the CPU whatever the device is, so that a GPU sees the same windows.
        begins = torch.randint(len(self.symbols) - self.num_steps, (self.batch_size, 1), generator=self._generator)
        drawn = self.symbols[begins.to(self.symbols.device) + self._steps]
        return drawn[:, :-1], drawn[:, 1:]

    def state_dict(self) -> State:
        """The position in the stream."""
        return {"position": self.position}

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        self.position = state["position"]
