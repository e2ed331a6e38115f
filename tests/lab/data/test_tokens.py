"""Text as words and signs, and back."""

from __future__ import annotations

import pytest

from lab.data.tokens import TokensConfig, count_words, join

BY_HAND = {
    "L'eau, est-ce tout ?": ["l'", "eau", ",", "est", "-ce", "tout", "?"],
    "Aujourd’hui, où va-t-il ?": ["aujourd'", "hui", ",", "où", "va", "-t", "-il", "?"],
    "I don't know Tom's age.": ["i", "don'", "t", "know", "tom'", "s", "age", "."],
    "Un cœur à 3 €!": ["un", "cœur", "à", "3", "€", "!"],
    "«\u202fÇa va\xa0!\u202f»": ["«", "ça", "va", "!", "»"],
    "- dit-elle - rien": ["-", "dit", "-elle", "-", "rien"],
    "the dogs' tails": ["the", "dogs", "'", "tails"],
}


@pytest.mark.parametrize("text", BY_HAND)
def test_words_and_signs_are_those_found_by_hand(text: str) -> None:
    assert TokensConfig().part(text) == BY_HAND[text]


def test_accents_written_apart_are_the_same_letters() -> None:
    assert TokensConfig().part("e\u0301te\u0301") == TokensConfig().part("été") == ["été"]


def test_case_is_kept_where_it_is_asked_for() -> None:
    assert TokensConfig(lowercase=False).part("Tom s'Éveille") == ["Tom", "s'", "Éveille"]


@pytest.mark.parametrize(
    "text",
    [
        "I don't think it's Tom's, do you?",
        'He said, "It\'s late," and left (at last).',
        "C'est-à-dire qu'aujourd'hui, il n'y a rien.",
        "That costs $10, or 50%; take it!",
        "",
    ],
)
def test_text_comes_back_as_it_was(text: str) -> None:
    assert join(TokensConfig(lowercase=False).part(text)) == text


def test_words_are_counted_without_signs() -> None:
    assert count_words(TokensConfig().part("J'ai, est-ce vrai ?")) == 5
