"""Words as vectors that are learnt: a table for each column, neighbours beside a word, and words dropped at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from lab.backbones import valid_steps
from lab.backbones.layers import dropout_layer
from lab.data import Padded, Vocabulary


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """How words become vectors."""

    width: int = 100  # numbers that stand for a word
    affix_width: int = 30  # numbers that stand for each further column: beginnings and ends of words
    window: int = 0  # neighbours on each side whose vectors stand beside the word's own (Mesnil et al. 2015)
    word_dropout: float = 0.0  # share of the words taken for unknown ones while learning
    dropout: float = 0.0  # share of the numbers dropped while learning

    def __post_init__(self) -> None:
        if self.width < 1 or self.affix_width < 1 or self.window < 0:
            raise ValueError(
                f"width is {self.width}, affix_width {self.affix_width} and window {self.window}, but a word takes at "
                "least one number and has no fewer than 0 neighbours. Raise them."
            )


class WordDropout(_DropoutNd):
    """Takes words for unknown ones at rate p, so that a vector for the unknown is learnt as well: [B, T, columns].

    How the word begins and ends stays known, as of a word that is truly unknown.
    """

    def forward(self, words: Tensor) -> Tensor:
        if not self.training or not self.p:
            return words
        first = words[..., 0]
        dropped = torch.rand(first.shape, device=words.device) < self.p
        return torch.cat([first.masked_fill(dropped, Vocabulary.unknown)[..., None], words[..., 1:]], -1)


class WordEmbedding(nn.Module):
    """[B, T, columns] numbers of words, padded with 0 -> [B, T, out_features], 0 in the padding."""

    def __init__(self, config: EmbeddingConfig, sizes: Sequence[int]):
        """`sizes` says how many numbers each column has. Draws from torch's global generator."""
        super().__init__()
        self.config = config
        widths = [config.width] + [config.affix_width] * (len(sizes) - 1)
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size, width in zip(sizes, widths))
        self.word_dropout = WordDropout(config.word_dropout)
        self.dropout = dropout_layer(config.dropout)
        self.out_features = sum(widths) * (2 * config.window + 1)

    def forward(self, words: Padded) -> Tensor:
        columns = self.word_dropout(words.values).unbind(-1)
        vectors = self.dropout(torch.cat([table(column) for table, column in zip(self.tables, columns)], -1))
        vectors = vectors.masked_fill(~valid_steps(words.lengths, vectors.shape[1])[..., None], 0.0)
        reach = self.config.window
        if not reach:
            return vectors
        beyond = nn.functional.pad(vectors, (0, 0, reach, reach))
        return beyond.unfold(1, 2 * reach + 1, 1).transpose(2, 3).flatten(2)
