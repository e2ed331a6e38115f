"""Huffman codes, by hand and by what they promise."""

from __future__ import annotations

import math

import pytest
import torch

from generative.huffman import huffman


def test_a_tree_of_four_by_hand() -> None:
    # 8 | (4 | (2 | 1)): the paths have 1, 2, 3 and 3 turns.
    paths = huffman(torch.tensor([8, 4, 2, 1]))
    assert paths.inner == 3
    assert paths.signs.abs().sum(1).tolist() == [1, 2, 3, 3]
    assert paths.nodes[:, 0].tolist() == [0, 0, 0, 0], "all begin at the root"
    assert paths.nodes[2].tolist() == paths.nodes[3].tolist(), "siblings differ in the last turn alone"
    assert paths.signs[2].tolist()[:2] == paths.signs[3].tolist()[:2]
    assert paths.signs[2, 2] == -paths.signs[3, 2]


def test_no_code_begins_another_and_their_lengths_fill_the_tree() -> None:
    counts = torch.randint(1, 1000, (200,), generator=torch.Generator().manual_seed(0))
    paths = huffman(counts)
    lengths = paths.signs.abs().sum(1)
    assert float((0.5 ** lengths.double()).sum()) == pytest.approx(1.0), "Kraft's sum"
    codes = {tuple(sign for sign in row if sign) for row in paths.signs.tolist()}
    assert len(codes) == 200
    share = counts / counts.sum()
    entropy = -float((share * share.log2()).sum())
    assert entropy <= float((share * lengths).sum()) < entropy + 1, "Shannon's bounds of the mean length"


def test_one_word_has_no_tree() -> None:
    with pytest.raises(ValueError, match="has 1 word, but a tree parts two"):
        huffman(torch.tensor([3]))


def test_probabilities_of_four_by_hand() -> None:
    # 8 | (4 | (2 | 1)), each turn even but the root's: the first word's side has 3 of 4 parts.
    paths = huffman(torch.tensor([8, 4, 2, 1]))
    scores = torch.zeros(1, 3)
    scores[0, 0] = paths.signs[0, 0] * math.log(3)  # sigmoid(log 3) = 3 / 4
    assert paths.log_probabilities(scores).exp()[0].tolist() == pytest.approx([3 / 4, 1 / 8, 1 / 16, 1 / 16])


@pytest.mark.parametrize("words", [2, 3, 200])
def test_probabilities_are_the_products_of_turns_and_add_up_to_one(words: int) -> None:
    generator = torch.Generator().manual_seed(0)
    paths = huffman(torch.randint(1, 1000, (words,), generator=generator))
    scores = torch.randn(5, words - 1, generator=generator, dtype=torch.float64)
    found = paths.log_probabilities(scores)
    turns = torch.nn.functional.logsigmoid(scores[:, paths.nodes] * paths.signs) * paths.signs.abs()  # [B, V, L]
    torch.testing.assert_close(found, turns.sum(2))
    torch.testing.assert_close(found.exp().sum(1), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-12)
