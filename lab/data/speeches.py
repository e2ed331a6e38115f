"""Speeches of a play as pairs: what is said, and what the next one to speak answers."""

from __future__ import annotations

import re
from itertools import pairwise

from lab.data.pairs import PairedText

_BREAK = re.compile(r"\n\s*\n")
_SPEECH = re.compile(r"([^\n]{1,60}):\n(.+)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def speech_pairs(play: str) -> PairedText:
    """Of every two neighbouring speeches the end of the first and the begin of the second, a sentence of each.

    A play is paragraphs of a speaker's name with a colon and, on the lines below, what is said. What is said last
    before another answers, and what that one says first, belong together most; whole speeches can be long. Raises
    ValueError if there are no two speeches.
    """
    found = [match for each in _BREAK.split(play.strip()) if (match := _SPEECH.fullmatch(each))]
    speeches = [(speaker, _SENTENCE.split(" ".join(said.split()))) for speaker, said in (m.groups() for m in found)]
    pairs = [(a[-1], b[0]) for (one, a), (other, b) in pairwise(speeches) if one != other]
    if not pairs:
        raise ValueError(
            "The text has no two speeches of different speakers. Write a speaker's name and a colon, what is said on "
            "the lines below, and an empty line after it."
        )
    sources, targets = zip(*pairs)
    return PairedText(sources, targets)
