"""Texts larger than memory as numbers: a pass counts the words and writes each as its number.

A line is a sentence, and words are parted by Unicode's white space, as gensim's LineSentence has it.
"""

from __future__ import annotations

import codecs
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.data.text import decoded, nothing_in, opened, place, shown
from lab.writing import written_aside

PIECE = 1 << 22  # bytes of text that are read at a time
END = -1  # what stands behind the last word of a sentence
_UNKNOWN = -2
_LINE_END = "\ud800"  # no UTF-8 file can have it, so no word is written so
_NUMBERS = np.dtype("<i4")


@dataclass(frozen=True, eq=False, repr=False)
class Lexicon:
    """Words by number, the most frequent first, equals sorted as text: words[i] was found counts[i] times."""

    words: tuple[str, ...]
    counts: Tensor  # int64 [V]
    total: int  # words that were read, those left out among them

    def __repr__(self) -> str:
        return f"Lexicon({len(self):,} words of a text of {self.total:,})"

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], least: int = 5, most: int | None = None) -> Lexicon:
        """The words of sentences in memory; as `count_words` otherwise."""
        return cls._chosen(Counter(chain.from_iterable(_of_words(sentences))), least, most, "The text")

    @classmethod
    def _chosen(cls, counts: Counter[str], least: int, most: int | None, text: object) -> Lexicon:
        if least < 1 or (most is not None and most < 2):
            raise ValueError(
                f"least is {least} and most {most}, but a word occurs once at least, and a vocabulary has two words at "
                "least. Raise them."
            )
        # Sorted twice rather than once by pairs: comparing text and then numbers is several times as fast.
        words = sorted(word for word, count in counts.items() if count >= least)
        words.sort(key=counts.__getitem__, reverse=True)
        words = words[:most]
        if len(words) < 2:
            raise ValueError(
                f"{text} has a vocabulary of {len(counts):,}, of {len(words)} that occur at least {least} times, but a "
                "word cannot be told from others where there are none. Give a longer text, or lower least."
            )
        found = torch.tensor([counts[word] for word in words], dtype=torch.int64)
        return cls(tuple(words), found, counts.total())

    def __len__(self) -> int:
        return len(self.words)

    def numbered(self, words: Sequence[str]) -> NDArray[np.int32]:
        """The numbers of words in their order, int32; those unknown are left out."""
        numbers = np.fromiter(map(self._numbers.get, words, repeat(_UNKNOWN)), _NUMBERS, len(words))
        return numbers[numbers != _UNKNOWN]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)} | {_LINE_END: END}


@dataclass(frozen=True)
class NumberedText:
    """A text's words as their numbers in a lexicon, END behind each sentence: int32 [S], in memory or mapped to a file.

    Words that the lexicon does not have are left out.
    """

    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], lexicon: Lexicon) -> NumberedText:
        """Sentences in memory. Raises ValueError where the lexicon has none of their words."""
        text = cls(lexicon.numbered([word for sentence in _of_words(sentences) for word in (*sentence, _LINE_END)]))
        if not text.num_words:
            raise _foreign("The text")
        return text

    @classmethod
    def open(cls, path: str | Path) -> NumberedText:
        """A file that `number_words` wrote, none of which is in memory until it is asked for.

        Raises ValueError if there is none, or if it is not whole.
        """
        path = Path(path)
        with opened(path, packed=True) as file:  # as it lies there, whatever it is called
            size = file.seek(0, 2)
        numbers = np.memmap(path, _NUMBERS, "r") if size and size % _NUMBERS.itemsize == 0 else None
        if numbers is None or numbers[-1] != END:
            raise ValueError(
                f"{path} has {size:,} bytes and is no whole numbered text: such a file is int32, its last number "
                f"{END}. Write it again by number_words."
            )
        return cls(numbers)

    @cached_property
    def num_words(self) -> int:
        """How many words it has. Of a file, counting takes a pass."""
        pieces = (self.numbers[start : start + PIECE] for start in range(0, len(self), PIECE))
        return sum(int(np.count_nonzero(piece >= 0)) for piece in pieces)

    def __len__(self) -> int:
        """Words and ends of sentences."""
        return len(self.numbers)

    def slice(self, start: int, stop: int) -> Tensor:
        """Numbers from one place to before another, copied: int32 [stop - start], or less where the text ends."""
        return torch.from_numpy(self.numbers[start:stop].astype(np.int32))


def count_words(path: str | Path, least: int = 5, most: int | None = None) -> Lexicon:
    """Reads a UTF-8 file of any length, and keeps words that occur `least` times, of them the `most` frequent.

    A file whose name ends in .gz or .xz is unpacked on the way. In memory are a piece of the text and a count for each
    different word. Raises ValueError, which names the file, where it is not there, is empty, is not UTF-8 (with the
    line), or fewer than two words are kept.
    """
    path = Path(path)
    counts: Counter[str] = Counter()
    for text in _pieces(path):
        counts.update(text.split())
    if not counts:
        raise nothing_in(path)
    return Lexicon._chosen(counts, least, most, path)


def number_words(path: str | Path, lexicon: Lexicon, into: str | Path | None = None) -> NumberedText:
    """Reads a file as `count_words` does, and writes each word's number to the file `into`, which it then opens.

    That is little-endian int32: words in their order, those unknown left out, END behind each line. It takes the
    place of what was there once it is whole. With no `into` the file has no name and is gone with the text, also when
    the process is killed; it lies where temporary files do ($TMPDIR), with 4 bytes a word. Raises ValueError as
    `count_words` does, and where no word is known.
    """
    if into is not None:
        with written_aside(Path(into)) as file:
            _write_numbers(Path(path), lexicon, file)
        return NumberedText.open(into)
    with TemporaryFile() as file:
        _write_numbers(Path(path), lexicon, file)
        file.flush()
        return NumberedText(np.memmap(file, _NUMBERS, "r"))  # which holds the file open for itself


def read_words(path: str | Path, least: int = 5, most: int | None = None) -> tuple[Lexicon, NumberedText]:
    """What `count_words` and `number_words` find, in one pass over the text, which takes half the time.

    Each word is written as its place among the different ones, in the order in which they came first; places become
    numbers once the lexicon is known. Raises ValueError as `count_words` does.
    """
    path = Path(path)
    places: defaultdict[str, int] = defaultdict()
    places.default_factory = places.__len__
    line_end = places[_LINE_END]
    counts, ended = np.zeros(1, np.int64), True
    with TemporaryFile() as file:
        for text in _pieces(path):
            words = text.replace("\n", f" {_LINE_END} ").split()
            piece = np.fromiter(map(places.__getitem__, words), _NUMBERS, len(words))
            more = np.bincount(piece, minlength=len(places))
            more[: len(counts)] += counts
            counts, ended = more, text.endswith("\n")
            piece.tofile(file)
        if not ended:
            np.array([line_end], _NUMBERS).tofile(file)
        found = Counter(dict(zip(places, counts.tolist())))
        del found[_LINE_END]
        if not found:
            raise nothing_in(path)
        lexicon = Lexicon._chosen(found, least, most, path)
        numbers = np.full(len(places), _UNKNOWN, _NUMBERS)
        numbers[line_end] = END
        numbers[[places[word] for word in lexicon.words]] = np.arange(len(lexicon))
        file.flush()
        size = _numbered_in_place(np.memmap(file, _NUMBERS, "r+"), numbers)
        file.truncate(size * _NUMBERS.itemsize)
        return lexicon, NumberedText(np.memmap(file, _NUMBERS, "r"))


def _numbered_in_place(text: NDArray[np.int32], numbers: NDArray[np.int32]) -> int:
    """Each place's number, without those unknown, from the front: how many there are."""
    size = 0
    for start in range(0, len(text), PIECE):
        piece = numbers[text[start : start + PIECE]]
        kept = piece[piece != _UNKNOWN]
        text[size : size + len(kept)] = kept
        size += len(kept)
    return size


def _write_numbers(path: Path, lexicon: Lexicon, file: IO[bytes]) -> None:
    known, begun = False, False
    for text in _pieces(path):
        numbers = lexicon.numbered(text.replace("\n", f" {_LINE_END} ").split())
        known = known or bool((numbers != END).any())
        numbers.tofile(file)
        begun = not text.endswith("\n")
    if begun:
        np.array([END], _NUMBERS).tofile(file)
    if not known:
        raise _foreign(path)


def _of_words(sentences: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The same. Raises ValueError for a sentence that is not parted: its letters would be taken for words."""
    for sentence in sentences:
        if isinstance(sentence, str):
            raise ValueError(
                f"The sentence {shown(sentence)} is one text, but a list of words is read: its letters would be taken "
                "for words. Part it, as by its method split()."
            )
        yield sentence


def _foreign(text: object) -> ValueError:
    return ValueError(
        f"{text} has no word that the lexicon has, so nothing is left of it. Count the words of this text, or of one "
        "in the same language."
    )


def _pieces(path: Path) -> Iterator[str]:
    """A file's text in pieces that end between words."""
    lines, rest = 0, b""
    with opened(path) as file:
        read = file.read(PIECE).removeprefix(codecs.BOM_UTF8)
        while read:
            piece = rest + read
            end = max(piece.rfind(white) for white in (b"\n", b" ", b"\t")) + 1
            if end == 0 and len(piece) > PIECE:
                raise ValueError(
                    f"{place(path, lines + 1)} has {len(piece):,} bytes without white space, but words are parted by "
                    "it. Part the text into words first."
                )
            yield decoded(path, piece[:end], lines)
            lines += piece.count(b"\n", 0, end)
            rest = piece[end:]
            read = file.read(PIECE)
        if rest:
            yield decoded(path, rest, lines)
