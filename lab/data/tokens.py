"""Text as words and signs, and back: what a model of words reads and writes.

A word is a run of letters and digits. An apostrophe inside ends a word and a hyphen inside begins one, so that the
little words of French stand alone and none is lost: "L'eau, est-ce tout ?" is l' eau , est -ce tout ?, and "don't" is
don' t. Every other sign is one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

_TOKEN = re.compile(r"(?:(?<=\w)-)?\w+(?:'(?=\w))?|[^\w\s]")
_WORD = re.compile(r"\w")
_AS_ASCII = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "\xad": None, "\u200b": None})

_CLOSING = frozenset(".,;:!?…%)]}»”")  # what stands at the end of the word before
_OPENING = frozenset("([{«“$€£")  # what stands at the begin of the word after


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """How text is parted."""

    lowercase: bool = True

    def part(self, text: str) -> list[str]:
        """Words and signs of a text, in the composed form of Unicode (NFC), its apostrophes and hyphens of one kind."""
        text = normalize("NFC", text).translate(_AS_ASCII)
        return _TOKEN.findall(text.lower() if self.lowercase else text)


def join(tokens: Sequence[str]) -> str:
    """A text of words and signs, spaced as in English; a quotation mark opens and closes by turns."""
    said, glued, quoted = "", True, False
    for token in tokens:
        closes = token in _CLOSING or (token[0] == "-" and len(token) > 1)
        if token == '"':
            closes, quoted = quoted, not quoted
        said += token if glued or closes else f" {token}"
        # An apostrophe joins the words on both of its sides, as the hyphen that stands between two words does.
        glued = token in _OPENING or token[-1] == "'" or (token == '"' and quoted)
    return said


def count_words(tokens: Sequence[str]) -> int:
    """How many of them are words, and no signs alone."""
    return sum(1 for token in tokens if _WORD.search(token))
