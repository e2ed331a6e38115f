"""BLEU: sacrebleu's own numbers, by the length of the source."""

from __future__ import annotations

import pytest

from lab.data.numbered_pairs import PairNumbers, PairsConfig
from lab.data.pairs import PairedText
from lab.data.tokens import TokensConfig
from supervised.bleu import Bleu

TEXTS = PairedText(
    ("Le chat est assis sur le tapis.", "Un deux trois quatre cinq six sept huit neuf dix onze.", "Il dort."),
    ("The cat sat on the mat.", "One two three four five six seven eight nine ten eleven.", "He sleeps."),
)


def made(**settings: bool) -> tuple[Bleu, PairNumbers, list]:
    numbers, sets = PairNumbers.of(PairsConfig(least=1, tokens=TokensConfig(**settings)), TEXTS)
    return Bleu(numbers), numbers, sets


def test_right_outputs_score_a_hundred_and_by_length() -> None:
    bleu, _, (data,) = made()
    target = data.fields[1]
    scores = bleu([target[i].tolist() for i in range(3)], data)
    assert {name: round(float(score), 6) for name, score in scores.items()} == {
        "bleu": 100.0, "bleu_short": 100.0, "bleu_long": 100.0,
    }  # fmt: skip


def test_a_wrong_long_one_lowers_that_of_the_long_alone() -> None:
    bleu, _, (data,) = made()
    target = data.fields[1]
    scores = bleu([target[0].tolist(), target[1].tolist()[:6], target[2].tolist()], data)
    assert float(scores["bleu_short"]) == pytest.approx(100)
    assert float(scores["bleu_long"]) < float(scores["bleu"]) < 100


def test_lengths_that_do_not_occur_have_no_score() -> None:
    bleu, numbers, _ = made()
    short = numbers.number(PairedText(TEXTS.sources[2:], TEXTS.targets[2:]))
    assert set(bleu([[4]], short)) == {"bleu", "bleu_short"}


def test_a_score_worked_out_by_hand() -> None:
    """The cat sat on a mat . against the cat sat on the mat .: 6/7, 4/6, 2/5 and 1/4 of the n-grams, no penalty."""
    bleu, _, _ = made()
    by_hand = 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** (1 / 4)
    assert bleu.score(["the cat sat on a mat."], ["The cat sat on the mat."]) == pytest.approx(by_hand)


def test_the_signature_says_how() -> None:
    assert made()[0].signature.startswith("nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:")
    assert made(lowercase=False)[0].signature.startswith("nrefs:1|case:mixed|")
