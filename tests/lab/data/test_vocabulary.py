"""Vocabularies by hand."""

from __future__ import annotations

import pytest

from lab.data import Vocabulary
from lab.data.vocabulary import SPECIAL

TEXTS = [["the", "cat"], ["the", "dog"], ["a", "cat", "the"]]


def test_the_special_symbols_come_first_then_the_most_frequent() -> None:
    vocabulary = Vocabulary.of(TEXTS)
    assert vocabulary.symbols == (*SPECIAL, "the", "cat", "a", "dog")
    assert len(vocabulary) == 8
    assert (vocabulary.padding, vocabulary.unknown, vocabulary.begin, vocabulary.end) == (0, 1, 2, 3)


def test_rare_symbols_are_left_out() -> None:
    assert Vocabulary.of(TEXTS, least=2).symbols == (*SPECIAL, "the", "cat")
    assert Vocabulary.of(TEXTS, most=3).symbols == (*SPECIAL, "the", "cat", "a")


def test_of_counts() -> None:
    counts = {"dog": 1, "cat": 2, "the": 3, "<unk>": 9, "a": 1}
    assert Vocabulary.of_counts(counts) == Vocabulary.of(TEXTS)
    assert Vocabulary.of_counts(counts, least=2, most=1).symbols == (*SPECIAL, "the")
    with pytest.raises(ValueError, match="least is 0"):
        Vocabulary.of_counts(counts, least=0)


def test_texts_become_numbers_and_come_back() -> None:
    vocabulary = Vocabulary.of(TEXTS)
    assert vocabulary.encode(["a", "bird"], begin=True, end=True) == [2, 6, 1, 3]
    assert vocabulary.decode([2, 6, 1, 4, 3, 5, 0]) == ["a", "<unk>", "the"]
    encoded = vocabulary.encode_all(TEXTS, end=True)
    assert [encoded[i].tolist() for i in range(3)] == [[4, 5, 3], [4, 7, 3], [6, 5, 4, 3]]


def test_a_text_that_holds_special_symbols_cannot_forge_another() -> None:
    vocabulary = Vocabulary.of([["<eos>", "word", "<pad>"]])
    assert vocabulary.symbols == (*SPECIAL, "word")


def test_a_vocabulary_without_special_symbols_refuses_the_unknown() -> None:
    letters = Vocabulary(("a", "b"))
    assert letters.encode("abba") == [0, 1, 1, 0]
    assert letters.decode([1, 0]) == ["b", "a"]
    with pytest.raises(ValueError, match="'c' is not among the 2 symbols"):
        letters.encode("abc")
    with pytest.raises(ValueError, match="nothing marks begin or end"):
        letters.encode("ab", end=True)


def test_what_makes_no_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' stands in the vocabulary twice"):
        Vocabulary(("a", "b", "a"))
    with pytest.raises(ValueError, match="least is 0"):
        Vocabulary.of(TEXTS, least=0)
