"""Words as numbers: how they are written, what is unknown, and the letters at their ends."""

from __future__ import annotations

import pytest
import torch

from lab.data import LabelledText, Vocabulary
from lab.data.word_numbers import WordConfig, WordNumbers, word_sequences

TRAINING = [["Call", "call", "me", "at", "1234"], ["at", "9999"]]


def test_words_as_they_are_looked_up() -> None:
    assert WordConfig().written("McDonald5") == "mcdonald5"
    assert WordConfig(lowercase=False).written("McDonald5") == "McDonald5"
    assert WordConfig(digits=True).written("A12b3") == "a00b0"


def test_the_most_frequent_come_first_and_the_unseen_are_unknown() -> None:
    words = WordNumbers.of(WordConfig(digits=True), TRAINING)
    assert words.vocabularies[0].symbols[4:] == ("0000", "at", "call", "me")
    assert words.sizes == (8,)
    assert words.encode(["at", "1985", "CALL", "nobody", "12"]) == [[5], [4], [6], [1], [1]]


def test_a_rare_word_counts_as_unknown() -> None:
    words = WordNumbers.of(WordConfig(least=2), TRAINING)
    assert words.vocabularies[0].symbols[4:] == ("at", "call")
    assert words.encode(["me"]) == [[Vocabulary.unknown]]


def test_beginnings_and_ends_are_known_of_unknown_words() -> None:
    words = WordNumbers.of(WordConfig(affixes=(1, 2)), [["alba", "be"]])
    assert [vocabulary.symbols[4:] for vocabulary in words.vocabularies] == [
        ("alba", "be"), ("a", "b"), ("a", "e"), ("al", "be"), ("ba", "be"),
    ]  # fmt: skip
    assert words.encode(["ba", "a"]) == [[1, 5, 4, 1, 4], [1, 4, 4, 1, 1]]


def test_sequences_end_to_end() -> None:
    words = WordNumbers.of(WordConfig(affixes=(3,)), TRAINING)
    ragged = words.encode_all([["me", "at", "home"], ["call"]])
    assert ragged.lengths.tolist() == [3, 1]
    assert ragged[0].tolist() == words.encode(["me", "at", "home"])
    assert ragged.values.dtype == torch.int64


def test_messages_are_parted_at_every_sign_by_the_words_of_training_alone() -> None:
    training = LabelledText(("WIN £100 now!", "see you"), torch.tensor([1, 0]), ("ham", "spam"))
    test = LabelledText(("win you?",), torch.tensor([0]), ("ham", "spam"))
    words, (first, second) = word_sequences(WordConfig(), training, test)
    assert set(words.vocabularies[0].symbols[4:]) == {"win", "£", "100", "now", "!", "see", "you"}
    assert first.lengths.tolist() == [5, 2]
    found = second.fields[0][0][:, 0].tolist()
    assert found == [*words.vocabularies[0].encode(["win", "you"]), Vocabulary.unknown]
    assert second.fields[1].tolist() == [0]


@pytest.mark.parametrize("settings", [{"least": 0}, {"affixes": (2, 0)}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="Set each number to 1 or more"):
        WordConfig(**settings)


def test_nothing_to_number_is_refused() -> None:
    with pytest.raises(ValueError, match="training part has no words"):
        WordNumbers.of(WordConfig(), [[]])
