"""Attention: a query looks at keys and takes a weighted mean of their values.

Every module is called as `context, weights = attention(query, keys, values, mask)` with query [B, Q, ·],
keys [B, K, ·], values [B, K, ·] and a boolean mask, True where the query may look, that broadcasts to
[B, Q, K] (`padding_mask`, `causal_mask`, or both joined by &). A query that may look nowhere gets zeros.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.backbones.layers import Initialisation, initialise
from lab.backbones.sequence import valid_steps
from lab.ranges import check_name

Score = Literal["dot", "general", "concat"]


def padding_mask(lengths: Tensor, num_steps: int) -> Tensor:
    """Lets every query look at the valid keys: lengths [B] -> [B, 1, K]."""
    return valid_steps(lengths, num_steps)[:, None]


def causal_mask(num_steps: int, device: torch.device | str | None = None) -> Tensor:
    """Lets query t look at the keys up to t: [T, T]."""
    return torch.ones(num_steps, num_steps, dtype=torch.bool, device=device).tril()


def attend(scores: Tensor, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The softmax over the keys that may be looked at, and the mean of the values it weighs.

    scores [..., Q, K]; values [..., K, V]; returns context [..., Q, V] and weights [..., Q, K].
    """
    if mask is None:
        weights = scores.softmax(-1)
    else:
        # the least finite number rather than -inf, whose softmax over a whole row would be NaN
        lowest = torch.finfo(scores.dtype).min
        weights = scores.masked_fill(~mask, lowest).softmax(-1).masked_fill(~mask, 0.0)
    return weights @ values, weights


class AdditiveScore(nn.Module):
    """score(q, k) = v · tanh(W q + U k): a layer of `features` hidden units over every pair."""

    def __init__(self, query_features: int, key_features: int, features: int):
        super().__init__()
        self.query = nn.Linear(query_features, features, bias=False)
        self.key = nn.Linear(key_features, features, bias=False)
        self.value = nn.Linear(features, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        hidden = self.query(query)[:, :, None] + self.key(keys)[:, None]  # [B, Q, K, features]
        return self.value(hidden.tanh()).squeeze(-1)


class BahdanauAttention(nn.Module):
    """Additive attention. Source: Bahdanau et al. 2015, section 3.1 and appendix A.1.2."""

    def __init__(
        self,
        query_features: int,
        key_features: int,
        *,
        features: int = 128,  # hidden units of the score
        initialisation: Initialisation = "torch",
    ):
        super().__init__()
        self.score = AdditiveScore(query_features, key_features, features)
        initialise(self, initialisation)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns context [B, Q, V] and weights [B, Q, K]."""
        return attend(self.score(query, keys), values, mask)


class LuongAttention(nn.Module):
    """Multiplicative attention. Source: Luong et al. 2015, section 3.1.

    score(q, k) is q · k ("dot"), q · W k ("general") or v · tanh(W [q; k]) ("concat", with as many hidden
    units as the query has features). Concat is additive attention: [W U] [q; k] = W q + U k.
    """

    def __init__(
        self,
        query_features: int,
        key_features: int,
        *,
        score: Score = "dot",
        initialisation: Initialisation = "torch",
    ):
        super().__init__()
        check_name(score, get_args(Score), "score")
        self.key: nn.Module = nn.Identity()
        self.concat: AdditiveScore | None = None
        if score == "general":
            self.key = nn.Linear(key_features, query_features, bias=False)
        elif score == "concat":
            self.concat = AdditiveScore(query_features, key_features, query_features)
        elif query_features != key_features:
            raise ValueError(
                f"The query has {query_features} features and the keys have {key_features}, so their dot "
                'product does not exist. Make them equal, or use score="general", which maps the keys to as '
                "many features as the query has."
            )
        initialise(self, initialisation)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns context [B, Q, V] and weights [B, Q, K]."""
        scores = self.concat(query, keys) if self.concat else query @ self.key(keys).transpose(-2, -1)
        return attend(scores, values, mask)


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention in several subspaces. Source: Vaswani et al. 2017, section 3.2.2.

    Self-attention where query, keys and values are one tensor, cross-attention otherwise. The keys'
    projection has no bias: it would add one number to all scores of a query, and cancel in the softmax.
    """

    def __init__(
        self,
        features: int,
        num_heads: int,
        *,
        key_features: int | None = None,  # as the query's if not given
        value_features: int | None = None,  # as the keys' if not given
        dropout: float = 0.0,  # share of weights dropped
        initialisation: Initialisation = "torch",
    ):
        super().__init__()
        if features % num_heads:
            raise ValueError(
                f"{features} features cannot be shared out among {num_heads} heads, each needing as many "
                "as the next. Make features a multiple of num_heads."
            )
        key_features = key_features or features
        self.num_heads = num_heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(key_features, features, bias=False)
        self.value = nn.Linear(value_features or key_features, features)
        self.output = nn.Linear(features, features)
        self.dropout = nn.Dropout(dropout)
        initialise(self, initialisation)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns context [B, Q, features] and each head's weights [B, heads, Q, K] (before dropout)."""
        q, k, v = self.split(query, keys, values)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        weights = attend(scores, v, per_head(mask))[1]
        return self.join(self.dropout(weights) @ v), weights

    def context(
        self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:
        """The context alone, by torch's fused kernel, which never holds all weights in memory.

        `causal` (instead of a mask) lets query t look at the keys up to t.
        """
        q, k, v = self.split(query, keys, values)
        dropout = self.dropout.p if self.dropout.training else 0.0
        return self.join(F.scaled_dot_product_attention(q, k, v, per_head(mask), dropout_p=dropout, is_causal=causal))

    def split(self, query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """Projects and shares the features out: [B, Q or K, ·] -> [B, heads, Q or K, features / heads]."""
        projected = (self.query(query), self.key(keys), self.value(values))
        return tuple(x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected)

    def join(self, heads: Tensor) -> Tensor:
        """Puts the heads side by side again: [B, heads, Q, features / heads] -> [B, Q, features]."""
        return self.output(heads.transpose(1, 2).flatten(2))


def per_head(mask: Tensor | None) -> Tensor | None:
    """Makes a mask [..., Q, K] broadcast over heads; one without a batch axis does already."""
    return mask if mask is None or mask.ndim < 3 else mask[:, None]
