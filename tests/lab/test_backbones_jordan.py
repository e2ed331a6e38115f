"""Jordan's network against its formulas step by step, and sequences taken one by one."""

from __future__ import annotations

import pytest
import torch

from lab.backbones import JordanConfig

T, F = 5, 3
INPUTS = torch.randn(4, T, F, generator=torch.Generator().manual_seed(1))
LENGTHS = torch.tensor([5, 1, 3, 4])


def built(**settings):
    torch.manual_seed(0)
    return JordanConfig(**{"width": 4, "num_outputs": 6} | settings).build((T, F))


def test_every_step_by_its_formula():
    network = built()
    w, b = network.hidden.weight, network.hidden.bias
    u, v, c = network.feedback.weight, network.output.weight, network.output.bias
    steps = network.steps(INPUTS)
    for example in range(4):
        answer = torch.zeros(6)
        for t in range(T):
            hidden = torch.tanh(w @ INPUTS[example, t] + u @ answer + b)
            torch.testing.assert_close(steps[example, t], hidden)
            scores = torch.exp(v @ hidden + c)
            answer = scores / scores.sum()
    torch.testing.assert_close(network(INPUTS), steps[:, -1])


def test_what_comes_back_is_the_answer_and_not_the_hidden_units():
    network = built()
    with torch.no_grad():
        network.output.weight.zero_()  # every answer is then the same, whatever the hidden units are
    other = torch.cat([-INPUTS[:, :1], INPUTS[:, 1:]], 1)
    assert torch.equal(network.steps(other)[:, 1:], network.steps(INPUTS)[:, 1:])


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_padded_sequence_equals_itself_alone(pool):
    network = built(pool=pool)
    garbage = INPUTS.clone()
    for i, length in enumerate(LENGTHS):
        garbage[i, length:] = float("nan")
    steps, pooled = network.steps(garbage, LENGTHS), network(garbage, LENGTHS)
    for i, length in enumerate(LENGTHS):
        alone = INPUTS[i : i + 1, :length]
        torch.testing.assert_close(steps[i : i + 1, :length], network.steps(alone))
        torch.testing.assert_close(pooled[i : i + 1], network(alone))
        assert not steps[i, length:].any()
    pooled.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_what_is_dropped_is_dropped_for_the_answer_that_comes_back():
    network = built(width=200, dropout=0.5)
    torch.manual_seed(3)
    steps = network.steps(INPUTS[:1])[0]
    answer = network.output(steps[0]).softmax(-1)
    kept = steps[1] != 0
    expected = 2 * torch.tanh(network.hidden(INPUTS[0, 1]) + network.feedback(answer))
    assert 60 < int(kept.sum()) < 140
    torch.testing.assert_close(steps[1][kept], expected[kept])


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match=r"num_outputs 1, but it takes .* num_outputs at least 2"):
        JordanConfig(num_outputs=1).build((T, F))
    with pytest.raises(ValueError, match=r"Keep every length in 1..5"):
        built()(INPUTS, torch.tensor([0, 1, 2, 3]))
