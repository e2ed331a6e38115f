"""The transformer encoder against torch's, and against sequences taken one by one."""

from __future__ import annotations

from math import cos, sin

import pytest
import torch
from torch import nn

from lab.backbones import Transformer, TransformerConfig
from lab.backbones.transformer import sinusoids

T, F = 5, 3
INPUTS = torch.randn(4, T, F, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LENGTHS = torch.tensor([5, 1, 3, 4])


def small(**settings) -> Transformer:
    torch.manual_seed(0)
    config = TransformerConfig(width=8, num_layers=2, num_heads=2, feedforward_width=12, **settings)
    return config.build((T, F)).double()


def as_torchs(own: Transformer) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    norm = nn.LayerNorm(8, dtype=torch.float64)
    other = nn.TransformerEncoder(layer, 2, norm=norm, enable_nested_tensor=False)
    with torch.no_grad():
        for block, theirs in zip(own.blocks, other.layers):
            attention = block.attention
            weights = [attention.query.weight, attention.key.weight, attention.value.weight]
            biases = [attention.query.bias, torch.zeros(8), attention.value.bias]
            theirs.self_attn.in_proj_weight.copy_(torch.cat(weights))
            theirs.self_attn.in_proj_bias.copy_(torch.cat(biases))
            theirs.self_attn.out_proj.load_state_dict(attention.output.state_dict())
            theirs.linear1.load_state_dict(block.expand.state_dict())
            theirs.linear2.load_state_dict(block.contract.state_dict())
    return other


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_the_encoder_equals_torchs(causal, padded):
    own = small(causal=causal)
    lengths = LENGTHS if padded else None
    padding = torch.arange(T) >= LENGTHS[:, None] if padded else None
    future = torch.ones(T, T).triu(1).bool() if causal else None
    expected = as_torchs(own)(own.embed(INPUTS) + own.positions, mask=future, src_key_padding_mask=padding)
    if padded:
        expected = expected.masked_fill(padding[..., None], 0.0)
    torch.testing.assert_close(own.steps(INPUTS, lengths), expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_padded_sequence_equals_itself_alone(causal, pool):
    own = small(causal=causal, pool=pool)
    garbage = INPUTS.clone()
    for i, length in enumerate(LENGTHS):
        garbage[i, length:] = float("nan")
    steps, pooled = own.steps(garbage, LENGTHS), own(garbage, LENGTHS)
    for i, length in enumerate(LENGTHS):
        alone = INPUTS[i : i + 1, :length]
        torch.testing.assert_close(steps[i : i + 1, :length], own.steps(alone))
        torch.testing.assert_close(pooled[i : i + 1], own(alone))
        assert not steps[i, length:].any()


def test_sinusoids_by_hand():
    table = sinusoids(3, 4)  # wavelengths 2 pi and 2 pi * 10,000 ** (2 / 4) = 2 pi * 100
    for t in range(3):
        expected = torch.tensor([sin(t), cos(t), sin(t / 100), cos(t / 100)])
        torch.testing.assert_close(table[t], expected)
    assert sinusoids(3, 5).shape == (3, 5)


def test_positions_tell_steps_apart():
    same = torch.ones(1, T, F, dtype=torch.float64)
    for positions, differ in (("learned", True), ("sinusoidal", True), ("none", False)):
        steps = small(positions=positions).steps(same)
        assert (not torch.allclose(steps[0, 0], steps[0, 1])) is differ


def test_parameter_count():
    attention = 3 * 8 * 8 + 2 * 8 + 8 * 8 + 8  # the keys have no bias
    feedforward = 8 * 12 + 12 + 12 * 8 + 8
    block = attention + feedforward + 2 * 16
    expected = 3 * 8 + 8 + 2 * block + 16
    assert sum(p.numel() for p in small(positions="sinusoidal").parameters()) == expected
    assert sum(p.numel() for p in small(positions="learned").parameters()) == expected + T * 8


def test_weights_move_between_sequence_lengths_where_positions_are_computed():
    own = small(positions="sinusoidal")
    longer = TransformerConfig(width=8, num_layers=2, num_heads=2, feedforward_width=12, positions="sinusoidal").build(
        (9, F)
    )
    longer.load_state_dict(own.state_dict())
    torch.testing.assert_close(longer.double().steps(INPUTS), own.steps(INPUTS), atol=1e-6, rtol=1e-6)


def test_dropout_acts_while_training_only():
    own = small(dropout=(0.0, 0.5))
    assert not torch.equal(own(INPUTS), own(INPUTS))
    own.eval()
    assert torch.equal(own(INPUTS), own(INPUTS))


def test_wrong_inputs_and_settings_are_refused():
    with pytest.raises(ValueError, match=r"6 steps, but the transformer knows 5 positions.*\(6, 3\)"):
        small()(torch.zeros(1, 6, F, dtype=torch.float64))
    with pytest.raises(ValueError, match="positions is 'rotary'"):
        small(positions="rotary")
    with pytest.raises(ValueError, match="8 features cannot be shared out among 3 heads"):
        TransformerConfig(width=8, num_heads=3).build((T, F))
