"""Pairs of words and how alike people say they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor

from lab.data.text import lines_of, place, read_text, shown

QUOTED = 8  # pairs in an excerpt


@dataclass(frozen=True)
class WordPairs:
    """Pairs of words, and people's scores float64 [N] of them: the higher, the more alike."""

    pairs: tuple[tuple[str, str], ...]
    scores: Tensor

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.pairs),):
            raise ValueError(
                f"There are {len(self.pairs)} pairs and scores {list(self.scores.shape)}, but each pair has a score. "
                "Give as many of both."
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def excerpt(self) -> str:
        """Pairs from the most alike to the least, to read."""
        order = self.scores.argsort(descending=True, stable=True).tolist()
        count = min(QUOTED, len(order))
        chosen = [order[i * (len(order) - 1) // max(count - 1, 1)] for i in range(count)]
        quoted = [f"  {self.scores[i]:5.2f}  {self.pairs[i][0]}, {self.pairs[i][1]}" for i in chosen]
        return "\n".join([f"{len(self):,} pairs of words with scores, from the most alike to the least:", *quoted])


def read_word_pairs(path: str | Path) -> WordPairs:
    """Reads a UTF-8 file of lines `word,word,score`, parted by commas or tabs; the first line may be a heading.

    Raises ValueError, which names the file and the line, for what is no such line.
    """
    return parse_word_pairs(Path(path), read_text(Path(path)))


def parse_word_pairs(path: Path, text: str) -> WordPairs:
    """The text of a file of pairs and scores; as `read_word_pairs` otherwise."""
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    for number, line in enumerate(lines_of(path, text, "is a pair of words"), start=1):
        parts = [part.strip() for part in line.split("\t" if "\t" in line else ",")]
        score = _number(parts[-1])
        if len(parts) == 3 and score is None and number == 1:
            continue
        if len(parts) != 3 or score is None or not all(parts):
            raise ValueError(
                f"{place(path, number)}: {shown(line)} is no pair of words with a score, as `tiger,cat,7.35` is. Mend "
                "the line or remove it."
            )
        pairs.append((parts[0], parts[1]))
        scores.append(score)
    return WordPairs(tuple(pairs), torch.tensor(scores, dtype=torch.float64))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
