"""Generative modelling: one file per idea.

    from generative import SkipGram
    vectors = SkipGram().fit("text.txt")

The names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generative.skip_gram import CBOW, NextWord, SkipGram
    from generative.word_vectors import WordVectors

_HOMES = {
    "CBOW": "generative.skip_gram",
    "NextWord": "generative.skip_gram",
    "SkipGram": "generative.skip_gram",
    "WordVectors": "generative.word_vectors",
}

__all__ = ["CBOW", "NextWord", "SkipGram", "WordVectors"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'generative' has no attribute {name!r}")
