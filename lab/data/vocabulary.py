"""Vocabularies: words, characters or subwords as numbers, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.data.sequences import Ragged

PADDING, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
SPECIAL = (PADDING, UNKNOWN, BEGIN, END)
"""What stands for no word, for a word that is not known, for the begin and for the end of a sequence: 0, 1, 2 and 3."""


@dataclass(frozen=True)
class Vocabulary:
    """Symbols by number: `symbols[i]` is the text of i. The special ones come first where there are any."""

    symbols: tuple[str, ...]
    numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    padding, unknown, begin, end = range(4)  # the numbers of the special symbols

    def __post_init__(self) -> None:
        numbers = {symbol: i for i, symbol in enumerate(self.symbols)}
        if len(numbers) < len(self.symbols):
            twice = next(symbol for symbol, count in Counter(self.symbols).items() if count > 1)
            raise ValueError(f"The symbol {twice!r} stands in the vocabulary twice. Give each once.")
        object.__setattr__(self, "numbers", numbers)

    @classmethod
    def of(cls, sequences: Iterable[Sequence[str]], *, least: int = 1, most: int | None = None) -> Vocabulary:
        """The special symbols, then what occurs in the sequences, the most frequent first, equals sorted as text.

        What occurs fewer than `least` times is left out; of what remains the `most` frequent are kept. Build it of the
        training part alone.
        """
        return cls.of_counts(Counter(symbol for sequence in sequences for symbol in sequence), least=least, most=most)

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], *, least: int = 1, most: int | None = None) -> Vocabulary:
        """The same of symbols and how often each occurs."""
        if least < 1 or (most is not None and most < 1):
            raise ValueError(
                f"least is {least} and most {most}, but they count occurrences and symbols. Give 1 or more of each."
            )
        known = [symbol for symbol, count in counts.items() if count >= least and symbol not in SPECIAL]
        known.sort(key=lambda symbol: (-counts[symbol], symbol))
        return cls(SPECIAL + tuple(known[:most]))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, sequence: Sequence[str], *, begin: bool = False, end: bool = False) -> list[int]:
        """Numbers of symbols, those unknown as `unknown`; with the begin and the end symbol where asked.

        Raises ValueError for an unknown symbol of a vocabulary without special ones.
        """
        open_ended = self.symbols[:4] == SPECIAL
        if (begin or end) and not open_ended:
            raise ValueError("The vocabulary has no special symbols, so nothing marks begin or end. Use Vocabulary.of.")
        numbers = []
        for symbol in sequence:
            number = self.numbers.get(symbol, self.unknown if open_ended else -1)
            if number < 0:
                raise ValueError(
                    f"{symbol!r} is not among the {len(self)} symbols of the vocabulary, which has none for the "
                    "unknown. Leave it out, or make the vocabulary of texts that have it."
                )
            numbers.append(number)
        return [self.begin] * begin + numbers + [self.end] * end

    def encode_all(self, sequences: Iterable[Sequence[str]], *, begin: bool = False, end: bool = False) -> Ragged:
        """Every sequence encoded, end to end."""
        return Ragged.of_lists([self.encode(sequence, begin=begin, end=end) for sequence in sequences])

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Symbols of numbers up to the first end symbol, without padding and begin."""
        found = []
        special = self.symbols[:4] == SPECIAL
        for number in numbers:
            if special and number == self.end:
                break
            if not (special and number in (self.padding, self.begin)):
                found.append(self.symbols[number])
        return found
