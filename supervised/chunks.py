"""Chunks: the runs of words that tags mark, and how many of them a tagger finds, counted as conlleval does.

Tags are O, B-<type> and I-<type>. A chunk begins at B, and also at an I that continues no chunk of its type; it ends
before the next O, B or other type. One is found where type, begin and end all agree. Source: Tjong Kim Sang and
Buchholz 2000, "Introduction to the CoNLL-2000 shared task: chunking", and its script conlleval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Chunk(NamedTuple):
    """The steps from `begin` to before `end`."""

    type: str
    begin: int
    end: int


def chunks(tags: Sequence[str]) -> set[Chunk]:
    """The chunks of one sequence."""
    found, kind, begin = set(), "", 0
    for t, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            found.add(Chunk(kind, begin, t))
            kind = ""
        if not kind and tag != "O":
            kind, begin = tag[2:], t
    return found


@dataclass(frozen=True)
class ChunkScores:
    """Counts of chunks over sequences. A ratio whose denominator is 0 counts as 0."""

    found: int  # that are right
    answered: int  # all that the tagger marked
    wanted: int  # all that there are

    @property
    def precision(self) -> float:
        """The share of the marked chunks that are right."""
        return self.found / max(self.answered, 1)

    @property
    def recall(self) -> float:
        """The share of the chunks that were found."""
        return self.found / max(self.wanted, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        return 2 * self.found / max(self.answered + self.wanted, 1)


def score_chunks(answered: Iterable[Sequence[str]], wanted: Iterable[Sequence[str]]) -> ChunkScores:
    """Holds the tags that a tagger gave each sequence to the right ones. Raises ValueError where lengths differ."""
    found = answers = wants = 0
    for i, (given, right) in enumerate(zip(answered, wanted, strict=True)):
        if len(given) != len(right):
            raise ValueError(
                f"Sequence {i} (counted from 0) has {len(right)} tags, but was given {len(given)}. Give one tag a step."
            )
        mine, theirs = chunks(given), chunks(right)
        found, answers, wants = found + len(mine & theirs), answers + len(mine), wants + len(theirs)
    return ChunkScores(found, answers, wants)
