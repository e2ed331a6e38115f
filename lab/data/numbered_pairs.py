"""Pairs of texts as numbers: the vocabularies of both sides, and sets that still know their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.data.pairs import PairedText
from lab.data.sequences import Ragged, SequenceSet
from lab.data.tokens import TokensConfig, join
from lab.data.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """How pairs of texts become numbers."""

    tokens: TokensConfig = TokensConfig()
    least: int = 2  # times that a word must occur in the training part; others count as unknown
    most: int = 10_000  # words of each vocabulary, the most frequent
    longest: int = 25  # words and signs of either side; longer pairs are left out by `short`

    def __post_init__(self) -> None:
        if min(self.least, self.most, self.longest) < 1:
            raise ValueError(
                f"least is {self.least}, most {self.most} and longest {self.longest}, but they count occurrences, "
                "words and signs. Set each to 1 or more."
            )


@dataclass(frozen=True)
class PairSet(SequenceSet):
    """Pairs as numbers, (source [S], target [T]) without begin and end, and as the texts that they were."""

    texts: PairedText

    def to(self, device: torch.device | str) -> PairSet:
        """The same pairs on another device."""
        return PairSet(super().to(device).fields, self.texts)

    def subset(self, indices: Tensor) -> PairSet:
        """The pairs at `indices` [K], in that order."""
        return PairSet(super().subset(indices).fields, self.texts.subset(indices))


Sides = tuple[list[list[str]], list[list[str]]]
"""The words and signs of every source, and of every target."""


@dataclass(frozen=True)
class PairNumbers:
    """What turns texts of either side into numbers, and numbers into texts."""

    config: PairsConfig
    source: Vocabulary
    target: Vocabulary

    @classmethod
    def of(cls, config: PairsConfig, training: PairedText, *others: PairedText) -> tuple[PairNumbers, list[PairSet]]:
        """The parts of a split in their order, numbered by the words of the first, the training part.

        Raises ValueError where a text has neither word nor sign.
        """
        parted = [_parted(config, part) for part in (training, *others)]
        vocabularies = (Vocabulary.of(side, least=config.least, most=config.most) for side in parted[0])
        numbers = cls(config, *vocabularies)
        return numbers, [numbers._numbered(sides, part) for sides, part in zip(parted, (training, *others))]

    def short(self, pairs: PairSet) -> PairSet:
        """Those of which no side is longer than the config has it."""
        longest = torch.stack([field.lengths for field in pairs.fields if isinstance(field, Ragged)]).amax(0)
        return pairs.subset((longest <= self.config.longest).nonzero().flatten())

    def number(self, pairs: PairedText) -> PairSet:
        """Further pairs as numbers; raises as `of` does."""
        return self._numbered(_parted(self.config, pairs), pairs)

    def _numbered(self, sides: Sides, pairs: PairedText) -> PairSet:
        source, target = sides
        return PairSet((self.source.encode_all(source), self.target.encode_all(target)), pairs)

    def read(self, text: str) -> list[int]:
        """A source text as numbers. Raises ValueError if there is nothing in it to read."""
        numbers = self.source.encode(self.config.tokens.part(text))
        if not numbers:
            raise ValueError("The text has neither words nor signs, so there is nothing to answer. Write some.")
        return numbers

    def write(self, numbers: Sequence[int]) -> str:
        """Numbers of target words as text."""
        return join(self.target.decode(numbers))


def _parted(config: PairsConfig, pairs: PairedText) -> Sides:
    def part(texts: Sequence[str]) -> list[list[str]]:
        parted = [config.tokens.part(text) for text in texts]
        if [] in parted:
            raise ValueError(f"{texts[parted.index([])]!r} has neither words nor signs. Leave that pair out.")
        return parted

    return part(pairs.sources), part(pairs.targets)
