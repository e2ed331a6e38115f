"""Attention against loops over every pair, and against torch's own multi-head attention."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from lab.backbones import BahdanauAttention, LuongAttention, MultiHeadAttention, causal_mask, padding_mask

B, Q, K = 3, 2, 4


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def by_loops(score, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """score(query vector, key vector) for every pair that mask [B, Q, K] allows, then softmax and mean."""
    weights = torch.zeros(B, Q, K, dtype=torch.float64)
    context = torch.zeros(B, Q, values.shape[-1], dtype=torch.float64)
    for b in range(B):
        for i in range(Q):
            allowed = [j for j in range(K) if mask[b, i, j]]
            powers = [math.exp(score(query[b, i], keys[b, j])) for j in allowed]
            for j, power in zip(allowed, powers):
                weights[b, i, j] = power / sum(powers)
                context[b, i] += weights[b, i, j] * values[b, j]
    return context, weights


@torch.no_grad()
def modules() -> dict[str, tuple[nn.Module, object]]:
    torch.manual_seed(0)
    additive = BahdanauAttention(5, 6, features=7).double()
    dot = LuongAttention(5, 5).double()
    general = LuongAttention(5, 6, score="general").double()
    concat = LuongAttention(5, 6, score="concat").double()
    joined = torch.cat([concat.concat.query.weight, concat.concat.key.weight], 1)
    v, w, u = additive.score.value.weight[0], additive.score.query.weight, additive.score.key.weight
    return {
        "additive": (additive, lambda q, k: (v @ torch.tanh(w @ q + u @ k)).item()),
        "dot": (dot, lambda q, k: (q @ k).item()),
        "general": (general, lambda q, k: (q @ general.key.weight @ k).item()),
        "concat": (concat, lambda q, k: concat.concat.value(torch.tanh(joined @ torch.cat([q, k]))).item()),
    }


@pytest.mark.parametrize("name", ["additive", "dot", "general", "concat"])
@pytest.mark.parametrize("masked", [False, True])
def test_scores_equal_loops_over_every_pair(name, masked):
    attention, score = modules()[name]
    query, values = drawn(B, Q, 5), drawn(B, K, 8)
    keys = drawn(B, K, 5 if name == "dot" else 6)
    mask = padding_mask(torch.tensor([4, 1, 3]), K) if masked else None
    everywhere = torch.ones(B, Q, K, dtype=torch.bool)
    expected = by_loops(score, query, keys, values, everywhere & mask if masked else everywhere)
    torch.testing.assert_close(attention(query, keys, values, mask), expected)


def test_masks_say_where_a_query_may_look():
    assert padding_mask(torch.tensor([1, 3]), 3).tolist() == [[[True, False, False]], [[True, True, True]]]
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_query_that_may_look_nowhere_gets_zeros_and_finite_gradients():
    attention = LuongAttention(5, 5)
    query = drawn(B, Q, 5).requires_grad_()
    mask = torch.ones(B, Q, K, dtype=torch.bool)
    mask[1, 0] = False
    context, weights = attention(query, drawn(B, K, 5), drawn(B, K, 8), mask)
    assert not context[1, 0].any()
    assert not weights[1, 0].any()
    torch.testing.assert_close(weights.sum(-1)[1, 1], torch.ones((), dtype=torch.float64))
    context.sum().backward()
    assert query.grad.isfinite().all()


def as_torchs(own: MultiHeadAttention, **sizes: int) -> nn.MultiheadAttention:
    """Torch's module with the same weights; the bias of the keys, which it has and ours not, is 0."""
    features = own.output.out_features
    other = nn.MultiheadAttention(features, own.num_heads, batch_first=True, dtype=torch.float64, **sizes)
    with torch.no_grad():
        if sizes:
            other.q_proj_weight.copy_(own.query.weight)
            other.k_proj_weight.copy_(own.key.weight)
            other.v_proj_weight.copy_(own.value.weight)
        else:
            other.in_proj_weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
        other.in_proj_bias.copy_(torch.cat([own.query.bias, torch.zeros(features), own.value.bias]))
        other.out_proj.weight.copy_(own.output.weight)
        other.out_proj.bias.copy_(own.output.bias)
    return other


def test_cross_attention_equals_torchs():
    torch.manual_seed(0)
    own = MultiHeadAttention(6, 3, key_features=5, value_features=4).double()
    query, keys, values = drawn(B, Q, 6), drawn(B, K, 5), drawn(B, K, 4)
    mask = padding_mask(torch.tensor([4, 1, 3]), K)
    expected = as_torchs(own, kdim=5, vdim=4)(
        query, keys, values, key_padding_mask=~mask[:, 0], average_attn_weights=False
    )
    torch.testing.assert_close(own(query, keys, values, mask), expected)
    torch.testing.assert_close(own.context(query, keys, values, mask), expected[0])


def test_causal_self_attention_equals_torchs():
    torch.manual_seed(0)
    own = MultiHeadAttention(6, 2).double()
    steps, mask = drawn(B, K, 6), causal_mask(K)
    expected = as_torchs(own)(steps, steps, steps, attn_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(own(steps, steps, steps, mask), expected)
    torch.testing.assert_close(own.context(steps, steps, steps, mask), expected[0])
    torch.testing.assert_close(own.context(steps, steps, steps, causal=True), expected[0])


def test_context_of_a_query_that_may_look_nowhere_is_as_without_values():
    own = MultiHeadAttention(6, 2).double()
    mask = torch.zeros(B, Q, K, dtype=torch.bool)
    arguments = drawn(B, Q, 6), drawn(B, K, 6), drawn(B, K, 6), mask
    torch.testing.assert_close(own(*arguments)[0], own.output.bias.expand(B, Q, 6))
    torch.testing.assert_close(own.context(*arguments), own.output.bias.expand(B, Q, 6))


def test_dropout_acts_on_the_weights_while_training_only():
    own = MultiHeadAttention(6, 2, dropout=0.5).double()
    steps = drawn(B, K, 6)
    for call in (lambda: own(steps, steps, steps)[0], lambda: own.context(steps, steps, steps)):
        own.train()
        assert not torch.equal(call(), call())
        own.eval()
        assert torch.equal(call(), call())


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match=r"query has 5 features and the keys have 6.*general"):
        LuongAttention(5, 6)
    with pytest.raises(ValueError, match="score is 'cosine'"):
        LuongAttention(5, 5, score="cosine")
    with pytest.raises(ValueError, match="10 features cannot be shared out among 4 heads"):
        MultiHeadAttention(10, 4)
