"""Bags of words by hand: what a word is, what is counted, and that only training texts are learnt from."""

from __future__ import annotations

import math

import pytest
import torch

from lab.data import LabelledText
from lab.data.bag_of_words import BagOfWordsConfig, bag_of_words


def texts(*lines: str) -> LabelledText:
    return LabelledText(lines, torch.arange(len(lines)), tuple(map(str, range(len(lines)))))


# The words, sorted as scikit-learn sorts them: !, a, b, £.
TRAINING = texts("a b", "A a!", "£ a b b")
OTHERS = texts("b new £", "nothing known")


def inputs(config: BagOfWordsConfig) -> list[list[list[float]]]:
    return [part.inputs.tolist() for part in bag_of_words(config, TRAINING, OTHERS)]


def test_counts_by_hand() -> None:
    assert inputs(BagOfWordsConfig(weighting="count")) == [
        [[0, 1, 1, 0], [1, 2, 0, 0], [0, 1, 2, 1]], [[0, 0, 1, 1], [0, 0, 0, 0]]
    ]  # fmt: skip


def test_presence_by_hand() -> None:
    assert inputs(BagOfWordsConfig(weighting="presence"))[0] == [[0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1]]


def test_tfidf_by_hand() -> None:
    """Of 3 texts 1, 3, 2 and 1 have the word; rarity is 1 + log((1 + 3) / (1 + texts that have it))."""
    rarity = [1 + math.log(4 / (1 + n)) for n in (1, 3, 2, 1)]
    counts = [[0, 1, 1, 0], [1, 2, 0, 0], [0, 1, 2, 1]]
    rows = [[(1 + math.log(n)) * r if n else 0.0 for n, r in zip(row, rarity)] for row in counts]
    expected = [[value / math.hypot(*row) for value in row] for row in rows]
    training, other = bag_of_words(BagOfWordsConfig(), TRAINING, OTHERS)
    torch.testing.assert_close(training.inputs, torch.tensor(expected))
    assert other.inputs.norm(dim=1).tolist() == pytest.approx([1.0, 0.0])
    assert (training.inputs.dtype, training.inputs.is_contiguous()) == (torch.float32, True)


def test_labels_go_along() -> None:
    assert [part.labels.tolist() for part in bag_of_words(BagOfWordsConfig(), TRAINING, OTHERS)] == [[0, 1, 2], [0, 1]]


def test_rare_words_do_not_count_and_case_may() -> None:
    assert inputs(BagOfWordsConfig(weighting="count", least=2))[0] == [[1, 1], [2, 0], [1, 2]]  # a, b
    assert inputs(BagOfWordsConfig(weighting="count", least=2, lowercase=False))[0] == [[1, 1], [1, 0], [1, 2]]


def test_other_texts_change_nothing_of_what_is_learnt() -> None:
    alone = bag_of_words(BagOfWordsConfig(), TRAINING)[0]
    assert torch.equal(bag_of_words(BagOfWordsConfig(), TRAINING, OTHERS)[0].inputs, alone.inputs)


@pytest.mark.parametrize(("training", "least"), [(TRAINING, 4), (texts(" ", "\t"), 1), (texts("once"), 2)])
def test_texts_without_a_word_that_counts_are_refused(training: LabelledText, least: int) -> None:
    with pytest.raises(
        ValueError, match=rf"Among {len(training)} training texts no word stands in {least}.*Lower least"
    ):
        bag_of_words(BagOfWordsConfig(weighting="count", least=least), training)


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="least is 0, but it counts texts"):
        BagOfWordsConfig(least=0)
