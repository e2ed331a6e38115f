"""What tells the next word: by hand, beside sums spelled out, and beside gensim's predict_output_word."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from generative.huffman import huffman
from generative.word_predictor import WordPredictor
from generative.word_vectors import UnknownWord
from lab.data.word_stream import END, NumberedText
from lab.trial import Manner

WINDOW = 3
KINDS = pytest.mark.parametrize("by_tree", [False, True], ids=["noise", "tree"])


def drawn(by_tree: bool, words: int = 9, window: int = WINDOW, dtype: torch.dtype = torch.float64) -> WordPredictor:
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(1, 50, (words,), generator=generator).sort(descending=True).values
    inputs, outputs = torch.randn(2, words, 4, generator=generator, dtype=dtype)
    names = tuple(f"w{i}" for i in range(words))
    if by_tree:
        return WordPredictor(names, inputs, outputs[1:], counts, window, huffman(counts))
    return WordPredictor(names, inputs, outputs, counts, window, None)


def spelled_out(predictor: WordPredictor, before: list[int]) -> list[float]:
    """Probabilities by loops: the bag as the mean over reaches of means, then turns by the path or noise x exp."""
    bags = [torch.stack([predictor.vectors[i] for i in before[-reach:]]).mean(0) for reach in range(1, WINDOW + 1)]
    bag = torch.stack(bags).mean(0)
    found = []
    for word in range(len(predictor)):
        if predictor.tree is None:
            found.append(float(predictor.counts[word]) ** 0.75 * math.exp(float(predictor.outputs[word] @ bag)))
            continue
        probability = 1.0
        for node, sign in zip(predictor.tree.nodes[word].tolist(), predictor.tree.signs[word].tolist()):
            if sign:
                probability /= 1 + math.exp(-sign * float(predictor.outputs[node] @ bag))
        found.append(probability)
    return found if predictor.tree is not None else [each / sum(found) for each in found]


@KINDS
def test_probabilities_are_those_of_loops_and_add_up_to_one(by_tree: bool) -> None:
    predictor = drawn(by_tree)
    rows = torch.tensor([[4, 0, 7], [END, 2, 2], [1, END, 8], [END, END, 3], [5, 6, 7]])
    found = predictor.log_probabilities(rows).exp()
    for row, before in zip(found, [[4, 0, 7], [2, 2], [8], [3], [5, 6, 7]]):
        assert row.tolist() == pytest.approx(spelled_out(predictor, before), rel=1e-9)
    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-12)


def test_noise_by_hand() -> None:
    # The bag is (1, 0); of the noise a has 16 ** 0.75 = 8 parts and b one, and its product makes b's three: 8 to 3.
    inputs, outputs = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 5.0], [math.log(3), -2.0]])
    predictor = WordPredictor(("a", "b"), inputs, outputs, torch.tensor([16, 1]), 1, None)
    assert predictor.likeliest("a") == [("a", pytest.approx(8 / 11)), ("b", pytest.approx(3 / 11))]


def test_a_word_counts_as_it_does_in_bags_on_average() -> None:
    # Of two before: half the bags hold the nearer one alone, half hold both. Of one: all bags hold it.
    predictor = replace(drawn(False), window=2)
    assert predictor._weights.tolist() == [[0, 0], [0, 1], [0.25, 0.75]]


@KINDS
def test_the_likeliest_come_first_and_the_last_words_tell(by_tree: bool) -> None:
    predictor = drawn(by_tree)
    expected = spelled_out(predictor, [4, 0, 7])
    found = predictor.likeliest(["w1", "w4", "w0", "w7"], count=4)
    assert [word for word, _ in found] == [f"w{i}" for i in sorted(range(9), key=lambda i: -expected[i])[:4]]
    assert [share for _, share in found] == pytest.approx(sorted(expected, reverse=True)[:4])
    assert predictor.likeliest(" w4\tw0 w7", count=4) == found
    assert len(predictor.likeliest("w4", count=100)) == 9


def test_what_cannot_be_told_is_refused() -> None:
    predictor = drawn(False)
    with pytest.raises(UnknownWord, match=r"'w11' is not among the 9 words that have a vector.*Did you mean 'w1'"):
        predictor.likeliest(["w2", "w11"])
    for nothing in ([], "", "  "):
        with pytest.raises(ValueError, match=r"No word is given, so nothing tells the next\. Give one"):
            predictor.likeliest(nothing)
    with pytest.raises(ValueError, match="count is 0, but one word at least"):
        predictor.likeliest("w1", count=0)


@KINDS
def test_it_goes_on_by_the_manner(by_tree: bool) -> None:
    predictor = drawn(by_tree)
    likeliest = predictor.continued("w4 w0 w7", Manner(length=3, temperature=0.0))
    known = ["w4", "w0", "w7"]
    for word in likeliest:
        assert predictor.likeliest(known, count=1)[0][0] == word
        known.append(word)
    ways = {tuple(predictor.continued("w4", Manner(length=5, seed=seed))) for seed in range(5)}
    assert len(ways) > 1
    assert predictor.continued("w4", Manner(length=5, seed=1)) == predictor.continued("w4", Manner(length=5, seed=1))
    first = [predictor.continued("w4", Manner(length=1, temperature=1.0, seed=seed))[0] for seed in range(2_000)]
    for word, share in predictor.likeliest("w4", count=9):  # four standard deviations of a share: at most 0.045
        assert first.count(word) / 2_000 == pytest.approx(share, abs=0.045)


@KINDS
def test_judged_as_each_word_by_itself(by_tree: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generative.word_predictor.JUDGED", 4)
    predictor = drawn(by_tree)
    numbers = torch.randint(9, (40,), generator=torch.Generator().manual_seed(1)).tolist()
    numbers[7] = numbers[20] = numbers[21] = numbers[39] = END
    losses, places, frequencies, before = [], [], [], []
    for number in numbers:
        if number == END:
            before = []
            continue
        if before:
            shares = spelled_out(predictor, before)
            losses.append(-math.log(shares[number]))
            places.append(sum(share > shares[number] for share in shares))
            frequencies.append(-math.log(float(predictor.counts[number] / predictor.counts.sum())))
        before.append(number)
    metrics = predictor.judged(NumberedText(np.array(numbers, "<i4")))
    assert {name: float(value) for name, value in metrics.items()} == {
        "loss": pytest.approx(np.mean(losses)),
        "perplexity": pytest.approx(math.exp(np.mean(losses))),
        "accuracy": pytest.approx(np.mean(np.array(places) < 1)),
        "among_5": pytest.approx(np.mean(np.array(places) < 5)),
        "unigram_loss": pytest.approx(np.mean(frequencies)),
    }


def test_what_was_not_taught_names_no_word_at_first() -> None:
    even = WordPredictor(tuple("abcdefgh"), torch.ones(8, 2), torch.zeros(8, 2), torch.full((8,), 3), 2, None)
    metrics = even.judged(NumberedText(np.array([0, 1, 2, 3, END], "<i4")))
    assert float(metrics["loss"]) == pytest.approx(math.log(8)) == pytest.approx(float(metrics["unigram_loss"]))
    assert float(metrics["accuracy"]) == float(metrics["among_5"]) == 0, "eight are equally likely"


def test_a_text_in_which_no_word_is_told_judges_nothing() -> None:
    with pytest.raises(ValueError, match=r"Of the 4 words and ends of sentences none is a word with another before"):
        drawn(False).judged(NumberedText(np.array([3, END, 2, END], "<i4")))


def test_gensim_tells_the_same_words_but_for_the_noise() -> None:
    models: Any = pytest.importorskip("gensim.models")
    theirs = models.Word2Vec([["a", "b", "c", "d"], ["b", "c"], ["c"]], vector_size=4, min_count=1, sg=0, negative=5)
    ours = drawn(False, words=4, window=1, dtype=torch.float32)
    ours = replace(ours, words=tuple(theirs.wv.index_to_key))
    theirs.wv.vectors[:], theirs.syn1neg[:] = ours.vectors.numpy(), ours.outputs.numpy()
    predicted = dict(theirs.predict_output_word(["b"], topn=4))
    with_noise = {word: predicted[word] * float(count) ** 0.75 for word, count in zip(ours.words, ours.counts)}
    for word, share in ours.likeliest("b", count=4):
        assert share == pytest.approx(with_noise[word] / sum(with_noise.values()), rel=1e-5)


def test_it_has_what_vectors_have_and_says_what_it_is() -> None:
    predictor = drawn(False)
    assert len(predictor.nearest("w0", count=3)) == 3
    assert repr(predictor) == "WordPredictor(9 words, told by the 3 before)"
