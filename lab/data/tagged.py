"""Requests with a slot tag for each word and an intent for the whole: the format in which SNIPS and ATIS are found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lab.data.sequences import Ragged, SequenceSet
from lab.data.text import lines_of, place, read_text, shown
from lab.data.word_numbers import WordConfig, WordNumbers

PARTS = ("train", "valid", "test")
FILES = ("seq.in", "seq.out", "label")
"""In the folder of each part: words, tags and intents, one request a line; words and tags are parted by spaces."""

OUTSIDE = "O"
"""The tag of a word in no slot. In one, its first word has the tag B-<slot> and the others I-<slot>."""

_TAG = re.compile(r"O|[BI]-\S+")
_QUOTED = 3  # requests of an intent in an excerpt


@dataclass(frozen=True)
class TaggedText:
    """N requests: word t of request i is words[i][t], its tag is tags[i][t], and what is meant is intents[i]."""

    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]
    intents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class TaggedParts:
    """Requests for training, for choosing settings, and for testing."""

    train: TaggedText
    valid: TaggedText
    test: TaggedText

    def excerpt(self) -> str:
        """The first training requests of each intent, their slots in brackets."""
        paragraphs = [f"{len(self.train):,} requests for training, {len(self.valid):,} valid, {len(self.test):,} test"]
        for intent in sorted(set(self.train.intents)):
            places = [i for i, each in enumerate(self.train.intents) if each == intent]
            first = [f"  {bracketed(self.train.words[i], self.train.tags[i])}" for i in places[:_QUOTED]]
            paragraphs.append("\n".join([f"{intent}, {len(places):,} requests:", *first]))
        return "\n\n".join(paragraphs)


def bracketed(words: Sequence[str], tags: Sequence[str]) -> str:
    """A request as text, each slot's words in brackets with its name: "play [artist: nina simone]"."""
    said = ""
    for word, tag, following in zip(words, tags, [*tags[1:], OUTSIDE]):
        said += (f" [{tag[2:]}:" if tag.startswith("B-") else "") + f" {word}"
        said += "]" if tag != OUTSIDE and not following.startswith("I-") else ""
    return said.strip()


def read_tagged(folder: str | Path) -> TaggedParts:
    """Reads {train,valid,test}/{seq.in,seq.out,label} in a folder, such as one's own ATIS.

    Raises ValueError, which names file and line, where the three files of a part do not fit together, or
    a slot does not begin with its B-.
    """
    paths = (Path(folder) / part / file for part in PARTS for file in FILES)
    return parse_tagged({path: read_text(path) for path in paths})


def parse_tagged(texts: Mapping[Path, str]) -> TaggedParts:
    """The nine files' texts, in the order of PARTS and in each of FILES; as `read_tagged` otherwise."""
    found = list(texts.items())
    return TaggedParts(*(_part(*found[i : i + len(FILES)]) for i in range(0, len(found), len(FILES))))


def _part(words: tuple[Path, str], tags: tuple[Path, str], intents: tuple[Path, str]) -> TaggedText:
    paths = [path for path, _ in (words, tags, intents)]
    lines = [lines_of(path, text, "is a request's") for path, text in (words, tags, intents)]
    if len({len(each) for each in lines}) > 1:
        counts = ", ".join(f"{path} has {len(each)}" for path, each in zip(paths, lines))
        raise ValueError(
            f"The files of one part have one line a request, but {counts}. The first request that lacks one is at line "
            f"{min(map(len, lines)) + 1}. Copy the files again, or remove that line from the others."
        )
    for line, (said, marked) in enumerate(zip(lines[0], lines[1]), start=1):
        if len(said.split()) != len(marked.split()):
            raise ValueError(
                f"{place(paths[1], line)}: there are {len(marked.split())} tags for the {len(said.split())} words of "
                f"{shown(said)} in {paths[0]}. Give one tag a word."
            )
        for tag in marked.split():
            if not _TAG.fullmatch(tag):
                raise ValueError(
                    f"{place(paths[1], line)}: {shown(tag)} is no tag. Write {OUTSIDE} for a word in no slot, B-<slot> "
                    "for the first word of a slot and I-<slot> for its others."
                )
        _check_begun(marked.split(), place(paths[1], line))
    split = [tuple(tuple(line.split()) for line in each) for each in lines[:2]]
    return TaggedText(split[0], split[1], tuple(line.strip() for line in lines[2]))


def _check_begun(tags: Sequence[str], where: str) -> None:
    """Raises ValueError for a slot that an I- begins: a tagger that answers what makes sense could never say it."""
    for number, (before, tag) in enumerate(zip([OUTSIDE, *tags], tags), start=1):
        if tag.startswith("I-") and before[2:] != tag[2:]:
            raise ValueError(
                f"{where}: {shown(tag)} of word {number} comes after {shown(before)}, so that it goes on with a slot "
                f"that has not begun. Write {shown('B-' + tag[2:])}: the first word of every slot has B- (IOB2; in "
                "IOB1, the form of CoNLL-2000, I- may begin one)."
            )


@dataclass(frozen=True)
class Names:
    """What a label can be, by number: first the `known` names of the training part, then those of other parts alone.

    A model can answer what is known, so that an example of another name is an error of it, whatever it answers.
    """

    all: tuple[str, ...]
    known: int
    numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", {name: number for number, name in enumerate(self.all)})

    @classmethod
    def of(cls, training: Sequence[str], *others: Sequence[str]) -> Names:
        """Of the labels in each part; each group sorted as text."""
        known = set(training)
        unknown = {name for part in others for name in part} - known
        return cls((*sorted(known), *sorted(unknown)), len(known))


@dataclass(frozen=True)
class TaggedNumbers:
    """Requests as numbers: in each set words [T, columns], tags [T] and the intent of each request."""

    train: SequenceSet
    valid: SequenceSet
    test: SequenceSet
    words: WordNumbers
    tags: Names
    intents: Names


def number_tagged(config: WordConfig, parts: TaggedParts) -> TaggedNumbers:
    """Numbers words, tags and intents, by what the training part has."""
    texts = (parts.train, parts.valid, parts.test)
    words = WordNumbers.of(config, parts.train.words)
    tags = Names.of(*([tag for request in text.tags for tag in request] for text in texts))
    intents = Names.of(*(text.intents for text in texts))
    train, valid, test = (_numbered(text, words, tags, intents) for text in texts)
    return TaggedNumbers(train, valid, test, words, tags, intents)


def _numbered(text: TaggedText, words: WordNumbers, tags: Names, intents: Names) -> SequenceSet:
    tagged = Ragged.of_lists([[tags.numbers[tag] for tag in request] for request in text.tags])
    meant = torch.tensor([intents.numbers[intent] for intent in text.intents], dtype=torch.int64)
    return SequenceSet((words.encode_all(text.words), tagged, meant))
