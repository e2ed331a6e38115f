"""The network that reads sequences of words: a backbone, and above it a head for each question that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from lab.backbones import Jordan, SequenceBackbone
from lab.data import Padded
from supervised.embedding import WordEmbedding

Question = Literal["tags", "classes"]
ByQuestion = dict[Question, Tensor]
"""Logits of tags [B, T, tags] and of classes [B, classes], or labels [B, T] and [B]; what is not asked is not there."""


class Reader(nn.Module):
    """Words -> vectors -> steps of the backbone -> a head at each step, and one above what the backbone pools."""

    def __init__(self, embedding: WordEmbedding, backbone: SequenceBackbone, outputs: Mapping[Question, int]):
        """Raises ValueError if the backbone feeds back other answers than there are tags."""
        super().__init__()
        self.embedding, self.backbone = embedding, backbone
        self.heads = nn.ModuleDict()
        for asked, number in outputs.items():
            if asked == "tags" and isinstance(backbone, Jordan):
                self.heads[asked] = _fed_back(backbone, number)
            else:
                self.heads[asked] = nn.Linear(backbone.out_features, number)

    def forward(self, words: Padded) -> ByQuestion:
        steps = self.backbone.steps(self.embedding(words), words.lengths)
        answers: ByQuestion = {}
        if "tags" in self.heads:
            answers["tags"] = self.heads["tags"](steps)
        if "classes" in self.heads:
            answers["classes"] = self.heads["classes"](self.backbone.pooled(steps, words.lengths))
        return answers


def _fed_back(backbone: Jordan, num_tags: int) -> nn.Linear:
    if backbone.output.out_features != num_tags:
        raise ValueError(
            f"The backbone feeds back {backbone.output.out_features} answers, but there are {num_tags} tags, and it is "
            f"the tags that come back. Set its num_outputs to {num_tags}."
        )
    return backbone.output
