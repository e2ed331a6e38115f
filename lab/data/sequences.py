"""Sequences of different lengths: kept end to end, handed out padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from lab.data.dataset import fingerprint_of


class Padded(NamedTuple):
    """Sequences side by side: values [B, T, ...], of which row b is valid up to lengths[b], and filled after it."""

    values: Tensor
    lengths: Tensor  # int64 [B], where the values lie


@dataclass(frozen=True)
class Ragged:
    """N sequences end to end, so that no padding is stored: values [sum of lengths, ...] and lengths int64 [N]."""

    values: Tensor
    lengths: Tensor
    starts: Tensor = field(init=False, repr=False)  # [N], where each begins

    def __post_init__(self) -> None:
        if self.lengths.ndim != 1 or self.lengths.dtype != torch.int64 or bool((self.lengths < 0).any()):
            raise ValueError(
                f"lengths has shape {list(self.lengths.shape)} and type {self.lengths.dtype}, but it is one count of "
                "steps a sequence, 0 or more: int64 [N]."
            )
        if len(self.values) != int(self.lengths.sum()):
            raise ValueError(
                f"There are {len(self.values)} steps, but the {len(self.lengths)} lengths add up to "
                f"{int(self.lengths.sum())}. Lay the sequences end to end, without padding."
            )
        object.__setattr__(self, "starts", self.lengths.cumsum(0) - self.lengths)

    @classmethod
    def of(cls, sequences: Sequence[Tensor]) -> Ragged:
        """From at least one sequence [T_i, ...]."""
        return cls(torch.cat(list(sequences)), torch.tensor([len(sequence) for sequence in sequences]))

    @classmethod
    def of_lists(cls, sequences: Sequence[Sequence[int]]) -> Ragged:
        """From lists of whole numbers, such as the numbers of words: values int64."""
        return cls(
            torch.tensor([value for sequence in sequences for value in sequence], dtype=torch.int64),
            torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, i: int) -> Tensor:
        """Sequence i: [T_i, ...]."""
        start = int(self.starts[i])
        return self.values[start : start + int(self.lengths[i])]

    def any_step(self, marked: Tensor) -> Tensor:
        """Whether any step of each sequence is marked: bool [sum of lengths] -> bool [N]."""
        owners = torch.arange(len(self), device=marked.device).repeat_interleave(self.lengths)
        return torch.zeros_like(self.lengths).index_add(0, owners, marked.long()) > 0

    def to(self, device: torch.device | str) -> Ragged:
        """The same on another device."""
        return Ragged(self.values.to(device), self.lengths.to(device))

    def subset(self, indices: Tensor) -> Ragged:
        """The sequences at `indices` [K], in that order."""
        lengths = self.lengths[indices]
        offsets = torch.arange(int(lengths.sum()), device=lengths.device)
        offsets = offsets - (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
        return Ragged(self.values[self.starts[indices].repeat_interleave(lengths) + offsets], lengths)

    def padded(self, indices: Tensor, num_steps: int | None = None) -> Padded:
        """The sequences at `indices` [B], filled with 0 up to the longest of them, or up to `num_steps`.

        With `num_steps` a GPU need not be waited for; it must be at least the longest one's.
        """
        lengths = self.lengths[indices]
        if num_steps is None:
            num_steps = int(lengths.max())
        steps = torch.arange(num_steps, device=lengths.device)
        valid = steps < lengths[:, None]
        rows = (self.starts[indices][:, None] + steps).masked_fill(~valid, 0)
        values = self.values[rows]
        return Padded(values.masked_fill(~valid.reshape(valid.shape + (1,) * (values.ndim - 2)), 0), lengths)


Field = Ragged | Tensor


@dataclass(frozen=True)
class SequenceSet:
    """Examples whose fields are sequences or labels: example i is the i-th of every field.

    A batch of it is a tuple with `Padded` for each ragged field and a tensor [B, ...] for each other. The first
    field's lengths, of what is read, decide which examples go together.
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        counts = [len(found) for found in self.fields]
        if len(set(counts)) != 1 or not isinstance(self.fields[0], Ragged):
            raise ValueError(
                f"The fields have {counts} examples, and the first is a {type(self.fields[0]).__name__}. Give a ragged "
                "field first, and as many examples in each."
            )

    def __len__(self) -> int:
        return len(self.fields[0])

    @property
    def lengths(self) -> Tensor:
        """How many steps each example's first field has: int64 [N]."""
        first = self.fields[0]
        assert isinstance(first, Ragged)
        return first.lengths

    def to(self, device: torch.device | str) -> SequenceSet:
        """The same examples on another device."""
        return SequenceSet(tuple(found.to(device) for found in self.fields))

    def subset(self, indices: Tensor) -> SequenceSet:
        """The examples at `indices` [K], in that order."""
        return SequenceSet(tuple(f.subset(indices) if isinstance(f, Ragged) else f[indices] for f in self.fields))

    def fingerprint(self) -> str:
        """Equal for the same examples in the same order.

        Of ragged fields of fractions only the lengths count: what is computed on another machine may differ in its last
        bits.
        """
        ragged = [found for found in self.fields if isinstance(found, Ragged)]
        whole = [found.values for found in ragged if not found.values.is_floating_point()]
        beside = [found.lengths if isinstance(found, Ragged) else found for found in self.fields]
        return fingerprint_of(*whole, *beside)

    def batch(self, indices: Tensor) -> tuple[Padded | Tensor, ...]:
        """The examples at `indices` [B]."""
        return tuple(f.padded(indices) if isinstance(f, Ragged) else f[indices] for f in self.fields)

    def chunks(self, size: int) -> Iterator[tuple[Padded | Tensor, ...]]:
        """All examples in order, `size` at a time; the last chunk may be smaller."""
        for indices in torch.arange(len(self), device=self.lengths.device).split(size):
            yield self.batch(indices)


def refuse_examples(wrong: Tensor, part: str, why: str) -> None:
    """Raises ValueError about the first example of a part that is wrong, bool [N], if any is.

    `why` goes on with the sentence: "Example 3 of the test part (counted from 0) ...".
    """
    if bool(wrong.any()):
        raise ValueError(f"Example {int(wrong.nonzero()[0])} of the {part} part (counted from 0) {why}")
