"""Texts with labels: files with one example a line."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lab.data.text import number_classes, place, read_text, shown

QUOTED = 3  # examples of a class in an excerpt


@dataclass(frozen=True)
class LabelledText:
    """Texts and labels int64 [N]: texts[i] is of the class classes[labels[i]]."""

    texts: tuple[str, ...]
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Tensor) -> LabelledText:
        """The texts at `indices` [K], in that order."""
        return LabelledText(tuple(self.texts[i] for i in indices.tolist()), self.labels[indices], self.classes)

    def excerpt(self) -> str:
        """The first texts of each class, to read."""
        paragraphs = [f"{len(self):,} texts"]
        for label, name in enumerate(self.classes):
            places = (self.labels == label).nonzero().flatten().tolist()
            first = [f"  {self.texts[place]}" for place in places[:QUOTED]]
            paragraphs.append("\n".join([f"{name}, {len(places):,} texts:", *first]))
        return "\n\n".join(paragraphs)


def read_labelled_lines(
    path: str | Path, *, classes: Sequence[str] | None = None, separator: str = "\t"
) -> LabelledText:
    """Reads a UTF-8 file of lines `label<separator>text`; one whose name ends in .gz is unzipped.

    The first separator of a line parts it, and the text keeps all that follows; spaces around a label do not count,
    nor do empty lines. `classes` fixes which label each name gets; if not given, they are the names found, sorted
    as text. Raises ValueError, which names the file and the line, for what is no such line.
    """
    path = Path(path)
    if not separator:
        raise ValueError("separator is empty, so a line cannot be parted. Give the text between label and text.")
    lines: list[int] = []
    names: list[str] = []
    texts: list[str] = []
    # Not str.splitlines, which also breaks a text at form feeds and other characters that editors show within a line.
    for line, content in enumerate(io.StringIO(read_text(path), newline=None), start=1):
        content = content.removesuffix("\n")
        if not content:
            continue
        name, found, text = content.partition(separator)
        if not found:
            raise ValueError(
                f"{place(path, line)}: {shown(content)} has no separator {separator!r}. "
                f"Write the label, {separator!r} and the text, or give the separator that the file has."
            )
        if not name.strip():
            raise ValueError(f"{place(path, line)}: the label before {separator!r} is empty. Write the class there.")
        if not text.strip():
            raise ValueError(
                f"{place(path, line)}: the text after {separator!r} is empty. Fill it in or remove the line."
            )
        lines.append(line)
        names.append(name.strip())
        texts.append(text)
    labels, known = number_classes(path, lines, names, classes)
    return LabelledText(tuple(texts), labels, known)
