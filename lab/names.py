"""Finds what somebody who mistyped a name probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(wrong: str, valid: Iterable[str]) -> str:
    """A sentence to end an error with: the nearest valid names, or all of them where none is near."""
    names = sorted(valid)
    folded = {name.lower().replace("-", "_"): name for name in names}
    near = get_close_matches(wrong.lower().replace("-", "_"), folded, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(repr(folded[name]) for name in near)}?"
    if not names:
        return "There are none."
    return f"There are: {', '.join(names)}."
