"""Analogies: a is to b as c is to which word? Questions in groups, in the form of word2vec's questions-words.txt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.data.text import lines_of, place, read_text, shown

QUOTED = 3  # questions of a group in an excerpt
HEAD = ":"  # what a group's first line begins with

Question = tuple[str, str, str, str]
"""a, b, c and the answer, as Athens Greece Oslo Norway."""


@dataclass(frozen=True)
class AnalogyGroup:
    """Questions of one kind."""

    name: str
    questions: tuple[Question, ...]

    @property
    def syntactic(self) -> bool:
        """Whether it asks for forms of words, as the groups named gram1-... do, or for what words mean."""
        return self.name.startswith("gram")


@dataclass(frozen=True)
class AnalogyQuestions:
    """Groups of questions. Source: Mikolov et al. 2013, https://arxiv.org/abs/1301.3781, section 4.1."""

    groups: tuple[AnalogyGroup, ...]

    def __len__(self) -> int:
        return sum(len(group.questions) for group in self.groups)

    def excerpt(self) -> str:
        """The first questions of each group, to read."""
        paragraphs = [f"{len(self):,} analogies in {len(self.groups)} groups"]
        for group in self.groups:
            first = [f"  {a} : {b} = {c} : {answer}" for a, b, c, answer in group.questions[:QUOTED]]
            paragraphs.append("\n".join([f"{group.name}, {len(group.questions):,} questions:", *first]))
        return "\n\n".join(paragraphs)


def read_analogies(path: str | Path) -> AnalogyQuestions:
    """Reads a UTF-8 file of lines `: group`, each followed by its questions, four words a line.

    Raises ValueError, which names the file and the line, for what is no such line.
    """
    return parse_analogies(Path(path), read_text(Path(path)))


def parse_analogies(path: Path, text: str) -> AnalogyQuestions:
    """The text of a file of analogies; as `read_analogies` otherwise."""
    groups: dict[str, list[Question]] = {}
    name = None
    for number, line in enumerate(lines_of(path, text, "is a group or a question"), start=1):
        if line.startswith(HEAD):
            name = line.removeprefix(HEAD).strip()
            if not name or name in groups:
                raise ValueError(
                    f"{place(path, number)}: the group is called {name!r}, but each has a name of its own. Name it."
                )
            groups[name] = []
            continue
        words = line.split()
        if name is None or len(words) != 4:
            raise ValueError(
                f"{place(path, number)}: {shown(line)} has {len(words)} words "
                f"{'before the first group' if name is None else f'in the group {name}'}, but a question is four words "
                f"below a line `{HEAD} group`. Mend the line or remove it."
            )
        a, b, c, answer = words
        groups[name].append((a, b, c, answer))
    return AnalogyQuestions(tuple(AnalogyGroup(name, tuple(questions)) for name, questions in groups.items()))
