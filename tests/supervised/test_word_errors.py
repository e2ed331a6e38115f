"""Edit distance and word error rate: by hand, and against the recursive definition."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import pytest

from supervised.word_errors import edit_distance, word_error_rate


def by_definition(found: Sequence[int], wanted: Sequence[int]) -> int:
    @cache
    def rest(i: int, j: int) -> int:
        if i == len(found) or j == len(wanted):
            return len(found) - i + len(wanted) - j
        return min(rest(i + 1, j) + 1, rest(i, j + 1) + 1, rest(i + 1, j + 1) + (found[i] != wanted[j]))

    return rest(0, 0)


@pytest.mark.parametrize(
    ("found", "wanted", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("abc", "abc", 0), ("flaw", "lawn", 2)],
)
def test_known_distances(found: str, wanted: str, distance: int) -> None:
    assert edit_distance(found, wanted) == distance


def test_every_pair_of_short_sequences() -> None:
    sequences = [s for length in range(4) for s in product(range(3), repeat=length)]
    for found, wanted in product(sequences, sequences):
        assert edit_distance(found, wanted) == by_definition(found, wanted)


def test_the_rate_is_of_all_words_together() -> None:
    # One exchanged of four, two put in for one: 3 of 5 words, whatever the rates of the pairs (1/4 and 2).
    assert word_error_rate([[1, 2, 3, 4], [5, 6, 7]], [[1, 2, 0, 4], [5]]) == pytest.approx(3 / 5)
    assert word_error_rate([[1]], [[1]]) == 0
    assert word_error_rate([[1, 2, 3]], [[4]]) == 3
    assert word_error_rate([[], [2]], [[1], [2]]) == 0.5


def test_pairs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"2 sequences found and 1 wanted, of 1 words in all\. Give one found for each"
    ):
        word_error_rate([[1], [2]], [[1]])
    with pytest.raises(ValueError, match=r"of 0 words in all.*at least one word wanted"):
        word_error_rate([[1]], [[]])
