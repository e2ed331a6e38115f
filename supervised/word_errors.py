"""Word errors: how far what was recognised is from what was said."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def edit_distance(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    """The fewest words to be put in, left out or exchanged to make one sequence the other. Source: Levenshtein 1966."""
    row = list(range(len(wanted) + 1))  # from nothing found to the first words wanted
    for i, word in enumerate(found, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def word_error_rate(found: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Hashable]]) -> float:
    """All edit distances of pairs over all words wanted: 0 is perfect, and above 1 is possible.

    Raises ValueError where the counts differ, or no word is wanted.
    """
    words = sum(map(len, wanted))
    if len(found) != len(wanted) or not words:
        raise ValueError(
            f"There are {len(found)} sequences found and {len(wanted)} wanted, of {words} words in all. Give one found "
            "for each wanted, and at least one word wanted."
        )
    return sum(map(edit_distance, found, wanted)) / words
