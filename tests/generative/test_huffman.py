"""Huffman codes, by hand and by what they promise."""

from __future__ import annotations

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
