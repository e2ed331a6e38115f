"""Words as numbers: how they are written, their vocabularies, and the letters they begin and end with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from lab.data.bag_of_words import WORDS
from lab.data.lines import LabelledText
from lab.data.sequences import Ragged, SequenceSet
from lab.data.vocabulary import Vocabulary

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True)
class WordConfig:
    """How words are numbered."""

    lowercase: bool = True
    digits: bool = False  # write every digit as 0, so that 1985 and 2001 are one word
    least: int = 1  # times that a word must occur in the training part; others count as unknown
    affixes: tuple[int, ...] = ()  # letters: for each a column of what words begin with and one of what they end with

    def __post_init__(self) -> None:
        if self.least < 1 or min(self.affixes, default=1) < 1:
            raise ValueError(
                f"least is {self.least} and affixes {self.affixes}, but they count occurrences and letters. Set each "
                "number to 1 or more."
            )

    def written(self, word: str) -> str:
        """The word as it is looked up."""
        word = word.lower() if self.lowercase else word
        return _DIGIT.sub("0", word) if self.digits else word

    def forms(self, word: str) -> list[str]:
        """What stands for a word, a column each: itself, and for each length its first and its last letters."""
        word = self.written(word)
        return [word, *(affix for length in self.affixes for affix in (word[:length], word[-length:]))]


@dataclass(frozen=True)
class WordNumbers:
    """Words by number, a vocabulary for each column: of whole words first, then of beginnings and ends."""

    config: WordConfig
    vocabularies: tuple[Vocabulary, ...]

    @classmethod
    def of(cls, config: WordConfig, sequences: Iterable[Sequence[str]]) -> WordNumbers:
        """Of the words of the training part. What occurs fewer than `least` times in a column is unknown there."""
        words = Counter(word for sequence in sequences for word in sequence)
        if not words:
            raise ValueError("The training part has no words, so there is nothing to number. Give it some.")
        counted: list[Counter[str]] = [Counter() for _ in config.forms("")]  # of each column
        for word, count in words.items():
            for counts, form in zip(counted, config.forms(word)):
                counts[form] += count
        return cls(config, tuple(Vocabulary.of_counts(counts, least=config.least) for counts in counted))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each column has."""
        return tuple(map(len, self.vocabularies))

    def encode(self, sequence: Sequence[str]) -> list[list[int]]:
        """[T] words -> [T, columns] numbers; what the training part does not have is `Vocabulary.unknown`."""
        forms = [self.config.forms(word) for word in sequence]
        return [[v.encode([form])[0] for v, form in zip(self.vocabularies, word)] for word in forms]

    def encode_all(self, sequences: Iterable[Sequence[str]]) -> Ragged:
        """Every sequence encoded, end to end: values [steps, columns]."""
        sequences = list(sequences)
        of_word = {word: self.encode([word])[0] for word in {word for sequence in sequences for word in sequence}}
        values = torch.tensor([of_word[word] for sequence in sequences for word in sequence], dtype=torch.int64)
        lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
        return Ragged(values.reshape(-1, len(self.vocabularies)), lengths)


def word_sequences(
    config: WordConfig, training: LabelledText, *others: LabelledText
) -> tuple[WordNumbers, list[SequenceSet]]:
    """The parts of a split in their order as words [T, columns] and labels, numbered by the training part's words.

    A word is a run of letters and digits; every other sign but space is one of its own.
    """
    split = [[re.findall(WORDS, text) for text in part.texts] for part in (training, *others)]
    words = WordNumbers.of(config, split[0])
    return words, [SequenceSet((words.encode_all(each), p.labels)) for each, p in zip(split, (training, *others))]
