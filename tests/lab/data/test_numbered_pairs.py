"""Pairs of texts as numbers, and back."""

from __future__ import annotations

import pytest
import torch

from lab.data.numbered_pairs import PairNumbers, PairsConfig
from lab.data.pairs import PairedText

TRAINING = PairedText(("le chat", "le chat noir", "un chien"), ("the cat", "the black cat", "a dog"))
TEST = PairedText(("le loup",), ("the wolf!",))


def numbered(**settings: int) -> tuple[PairNumbers, list]:
    return PairNumbers.of(PairsConfig(**({"least": 1} | settings)), TRAINING, TEST)


def test_numbers_come_from_the_training_part_alone() -> None:
    numbers, (training, test) = numbered()
    assert numbers.source.symbols[4:] == ("chat", "le", "chien", "noir", "un")
    assert numbers.target.symbols[4:] == ("cat", "the", "a", "black", "dog")
    assert [training.fields[0][i].tolist() for i in range(3)] == [[5, 4], [5, 4, 7], [8, 6]]
    assert [training.fields[1][i].tolist() for i in range(3)] == [[5, 4], [5, 7, 4], [6, 8]]
    assert test.fields[0][0].tolist() == [5, 1], "a wolf is unknown"
    assert test.fields[1][0].tolist() == [5, 1, 1]
    assert numbers.number(TEST).fields[1].values.tolist() == test.fields[1].values.tolist()


def test_rare_and_surplus_words_are_unknown() -> None:
    assert numbered(least=2)[0].source.symbols[4:] == ("chat", "le")
    assert numbered(most=1)[0].target.symbols[4:] == ("cat",)


def test_sets_keep_their_texts() -> None:
    numbers, (training, _) = numbered(longest=2)
    short = numbers.short(training)
    assert short.texts == PairedText(("le chat", "un chien"), ("the cat", "a dog"))
    assert len(short) == 2
    chosen = short.to("cpu").subset(torch.tensor([1]))
    assert chosen.texts.sources == ("un chien",)
    assert chosen.fields[0][0].tolist() == [8, 6]


def test_texts_are_read_and_written() -> None:
    numbers, _ = numbered()
    assert numbers.read("Le  CHIEN  inconnu") == [5, 6, 1]
    assert numbers.write([5, 8, 3, 5]) == "the dog"


@pytest.mark.parametrize("nothing", ["", "  \u202f "])
def test_a_text_without_words_is_refused(nothing: str) -> None:
    numbers, _ = numbered()
    with pytest.raises(ValueError, match=r"neither words nor signs, so there is nothing to answer\. Write some"):
        numbers.read(nothing)
    with pytest.raises(ValueError, match=r"'\\xad' has neither words nor signs\. Leave that pair out"):
        numbers.number(PairedText(("le", "\xad"), ("the", "x")))


@pytest.mark.parametrize("name", ["least", "most", "longest"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} 0|{name} is 0"):
        PairsConfig(**{name: 0})
