"""Attention laid out: a row for each word of the answer, and what is refused."""

from __future__ import annotations

import pytest
import torch

from supervised.attention_map import attention_map

SOURCE, OUTPUT = ["le", "chat", "coûte", "$"], ["the", "cat", "costs", "$"]


def test_a_row_a_word_and_one_for_the_end() -> None:
    weights = torch.eye(5, 4)
    found = attention_map(SOURCE, OUTPUT, weights, "le chat -> the cat")
    assert (found.rows, found.columns) == ([*OUTPUT, "(end)"], SOURCE)
    assert found.caption == "le chat -> the cat"
    assert not found.right, "nothing says that word should look at word in order"
    assert found.values.tolist() == weights.tolist()


def test_weights_of_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[4, 4\], but 4 output words and the end look at 4 source words"):
        attention_map(SOURCE, OUTPUT, torch.ones(4, 4))
