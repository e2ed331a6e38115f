"""Words as vectors: columns side by side, neighbours, padding, and words dropped at random."""

from __future__ import annotations

import pytest
import torch

from lab.data import Padded, Vocabulary
from supervised.embedding import EmbeddingConfig, WordDropout, WordEmbedding

WORDS = torch.tensor([[[4, 5], [6, 4], [5, 4]], [[7, 5], [0, 0], [0, 0]]])
LENGTHS = torch.tensor([3, 1])


def built(**settings) -> WordEmbedding:
    torch.manual_seed(0)
    return WordEmbedding(EmbeddingConfig(width=3, affix_width=2, **settings), (8, 6))


def test_columns_stand_side_by_side() -> None:
    embedding = built()
    vectors = embedding(Padded(WORDS, LENGTHS))
    assert vectors.shape == (2, 3, embedding.out_features) == (2, 3, 5)
    assert torch.equal(vectors[0, 1], torch.cat([embedding.tables[0].weight[6], embedding.tables[1].weight[4]]))
    assert not vectors[1, 1:].any()


def test_neighbours_stand_beside_a_word_and_nothing_beyond_the_ends() -> None:
    plain, embedding = built(), built(window=1)
    words = Padded(WORDS, LENGTHS)
    vectors, alone = embedding(words), plain(words)
    assert embedding.out_features == 15
    nothing = torch.zeros(5)
    torch.testing.assert_close(vectors[0, 0], torch.cat([nothing, alone[0, 0], alone[0, 1]]))
    torch.testing.assert_close(vectors[0, 1], torch.cat([alone[0, 0], alone[0, 1], alone[0, 2]]))
    torch.testing.assert_close(vectors[0, 2], torch.cat([alone[0, 1], alone[0, 2], nothing]))
    torch.testing.assert_close(vectors[1, 0], torch.cat([nothing, alone[1, 0], nothing]))


def test_dropped_words_are_unknown_while_learning_alone() -> None:
    dropout = WordDropout(0.25)
    words = torch.full((100, 100, 3), 9)
    torch.manual_seed(0)
    dropped = dropout(words)
    share = (dropped[..., 0] == Vocabulary.unknown).float().mean()
    assert float(share) == pytest.approx(0.25, abs=0.02)
    assert set(dropped[..., 0].unique().tolist()) == {Vocabulary.unknown, 9}
    assert bool((dropped[..., 1:] == 9).all()), "how a word begins and ends stays known"
    assert torch.equal(dropout.eval()(words), words)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"window -1, but a word .* Raise them"):
        EmbeddingConfig(window=-1)
