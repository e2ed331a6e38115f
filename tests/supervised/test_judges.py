"""Judges of outputs, and the unigram model beside them."""

from __future__ import annotations

import pytest

from lab.data import Ragged, SequenceSet
from supervised.encoder_decoder import Symbols
from supervised.judges import AnswerJudge, judge_word_errors
from supervised.unigram import unigram_perplexity

TRAINING, TEST = Ragged.of_lists([[0, 0, 1], [0]]), Ragged.of_lists([[0, 2]])


def test_a_unigram_model_by_hand() -> None:
    """Counts and one more, of 0 to 3 with the end 3: 4, 2, 1, 3 of 10. Said: 0, 2 and the end."""
    expected = (4 / 10 * 1 / 10 * 3 / 10) ** (-1 / 3)
    assert unigram_perplexity(TRAINING, TEST, total=4, end=3) == pytest.approx(expected)


def test_much_training_makes_the_rule_of_succession_negligible() -> None:
    many = Ragged.of_lists([[i % 8] for i in range(80_000)])
    # Half of all is the end, the other half one of eight words.
    expected = (1 / 2 * 1 / 16) ** (-1 / 2)
    assert unigram_perplexity(many, many, total=9, end=8) == pytest.approx(expected, rel=1e-3)


def test_answers_all_the_same_are_not_distinct() -> None:
    data = SequenceSet((TEST, TEST)).subset(TEST.lengths.new_tensor([0, 0, 0, 0]))
    symbols = Symbols(4, 2, 3, (2,))
    judge = AnswerJudge(SequenceSet((TRAINING, TRAINING)), symbols)
    scores = judge([[1], [1], [1], [0, 1]], data)
    assert scores["distinct_answers"] == 0.5
    assert scores["unigram_perplexity"] == pytest.approx(unigram_perplexity(TRAINING, TEST, 4, 3))


def test_word_errors_are_counted_over_all_words() -> None:
    data = SequenceSet((Ragged.of_lists([[1], [1]]), Ragged.of_lists([[3, 4, 5], [6]])))
    assert judge_word_errors([[3, 5], [6]], data) == {"wer": 0.25}
