"""Pairs of texts, a source and its target: sentences and their translations, or what is said and what is answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import torch
from torch import Tensor

from lab.data.text import lines_of, place, read_text, shown

QUOTED = 8  # pairs in an excerpt
PARTS = ("train", "val", "test")  # as Multi30k names them

PARTNERED = "has its partner"  # what a line that is not empty has

_KEY = re.compile(r"\w+")

Side = Literal["sources", "targets"]


@dataclass(frozen=True)
class PairedText:
    """N pairs: targets[i] is what should be made of sources[i]."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise ValueError(
                f"There are {len(self.sources)} sources and {len(self.targets)} targets, but each source has a target "
                "of its own. Give as many of both."
            )

    def __len__(self) -> int:
        return len(self.sources)

    def subset(self, indices: Tensor) -> PairedText:
        """The pairs at `indices` [K], in that order."""
        chosen = indices.tolist()
        return PairedText(tuple(self.sources[i] for i in chosen), tuple(self.targets[i] for i in chosen))

    def swapped(self) -> PairedText:
        """The same pairs in the other direction."""
        return PairedText(self.targets, self.sources)

    def excerpt(self) -> str:
        """Pairs from all over the set, to read."""
        chosen = [i * len(self) // QUOTED for i in range(min(QUOTED, len(self)))]
        quoted = [f"{self.sources[i]}\n  -> {self.targets[i]}" for i in chosen]
        return "\n\n".join([f"{len(self):,} pairs of texts", *quoted])


@dataclass(frozen=True)
class PairedParts:
    """Pairs for training, for choosing settings, and for testing."""

    train: PairedText
    val: PairedText
    test: PairedText

    def excerpt(self) -> str:
        """How many there are of each, and some for training."""
        return f"{len(self.val):,} pairs for choosing, {len(self.test):,} for testing; for training " + (
            self.train.excerpt()
        )


def read_pairs(path: str | Path) -> PairedText:
    """Reads a UTF-8 file of lines `source<tab>target`; further columns, such as whom to thank, are passed over.

    Raises ValueError, which names the file and the line, for what is no such line.
    """
    return parse_pairs(Path(path), read_text(Path(path)))


def parse_pairs(path: Path, text: str) -> PairedText:
    """The text of a file of pairs; as `read_pairs` otherwise."""
    sources, targets = [], []
    for number, line in enumerate(lines_of(path, text, PARTNERED), start=1):
        source, *rest = line.split("\t")
        if not rest:
            raise ValueError(
                f"{place(path, number)}: {shown(line)} has no tab. Write the source, a tab and the target."
            )
        for side, said in (("source", source), ("target", rest[0])):
            if not said.strip():
                raise ValueError(f"{place(path, number)}: the {side} is empty. Fill it in or remove the line.")
        sources.append(source.strip())
        targets.append(rest[0].strip())
    return PairedText(tuple(sources), tuple(targets))


def read_parallel(source: str | Path, target: str | Path) -> PairedText:
    """Reads two UTF-8 files of which line i of one belongs to line i of the other, such as train.de and train.en.

    Raises ValueError, which names the files, where their counts differ, and file and line where one is empty.
    """
    paths = (Path(source), Path(target))
    sides = [[line.strip() for line in lines_of(path, read_text(path), PARTNERED)] for path in paths]
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"{paths[0]} has {len(sides[0]):,} lines and {paths[1]} has {len(sides[1]):,}, but line i of one belongs "
            "to line i of the other. Copy the files again, or remove the lines that have no partner."
        )
    return PairedText(tuple(sides[0]), tuple(sides[1]))


def read_parallel_parts(
    folder: str | Path, source: str, target: str, *, parts: tuple[str, str, str] = PARTS
) -> PairedParts:
    """Reads <part>.<source> and <part>.<target> of three parts in a folder: Multi30k's form, with "de" and "en".

    Raises ValueError as `read_parallel` does, and where a file is not there.
    """
    folder = Path(folder)
    return PairedParts(*(read_parallel(folder / f"{part}.{source}", folder / f"{part}.{target}") for part in parts))


def split_pairs(pairs: PairedText, held_out: Sequence[int], seed: int, by: Side) -> list[PairedText]:
    """A part for training, and others that hold out so many different sentences of the side `by`, with all their pairs.

    No sentence of either side that stands in one part is trained on, nor is one of the side `by` in two held-out parts:
    pairs for training whose other side is held out are left out. Two sentences are the same if their words are,
    whatever the case and the punctuation. The order within a part is that of the pairs. Raises ValueError where nothing
    would be left.
    """
    other: Side = "targets" if by == "sources" else "sources"
    keys = [_key(text) for text in getattr(pairs, by)]
    known = list(dict.fromkeys(keys))
    if min(held_out, default=0) < 0 or sum(held_out) >= len(known):
        raise ValueError(
            f"{' + '.join(map(str, held_out))} sentences are to be held out, but there are {len(known)} different ones "
            "and training needs some. Hold out fewer."
        )
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed)).tolist()
    part_of, start = dict.fromkeys(known, 0), 0
    for part, count in enumerate(held_out, start=1):
        part_of |= {known[i]: part for i in order[start : start + count]}
        start += count
    parts = [part_of[key] for key in keys]
    others = [_key(text) for text in getattr(pairs, other)]
    kept_away = {key for key, part in zip(others, parts) if part}
    chosen: list[list[int]] = [[] for _ in range(len(held_out) + 1)]
    for i, (part, key) in enumerate(zip(parts, others)):
        if part or key not in kept_away:
            chosen[part].append(i)
    return [pairs.subset(torch.tensor(indices, dtype=torch.int64)) for indices in chosen]


def _key(text: str) -> str:
    return " ".join(_KEY.findall(normalize("NFC", text).lower())) or text
