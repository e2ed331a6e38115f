"""Recurrent backbones against steps written out, torch's own stacks, and sequences taken one by one."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from lab.backbones import RecurrentConfig
from lab.backbones.recurrent import CELLS

T, F = 5, 3
INPUTS = torch.randn(4, T, F, generator=torch.Generator().manual_seed(1))
LENGTHS = torch.tensor([5, 1, 3, 4])


def next_state(cell: str, layer: nn.RNNBase, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step by the papers' formulas, with torch's order of gates."""
    from_input = layer.weight_ih_l0 @ x + layer.bias_ih_l0
    from_state = layer.weight_hh_l0 @ h + layer.bias_hh_l0
    if cell == "rnn":
        return torch.tanh(from_input + from_state), c
    if cell == "rnn_relu":
        return torch.relu(from_input + from_state), c
    if cell == "gru":
        (ri, zi, ni), (rh, zh, nh) = from_input.chunk(3), from_state.chunk(3)
        reset, update = torch.sigmoid(ri + rh), torch.sigmoid(zi + zh)
        return (1 - update) * torch.tanh(ni + reset * nh) + update * h, c
    write, forget, candidate, read = (from_input + from_state).chunk(4)
    c = torch.sigmoid(forget) * c + torch.sigmoid(write) * torch.tanh(candidate)
    return torch.sigmoid(read) * torch.tanh(c), c


@pytest.mark.parametrize("cell", CELLS)
def test_every_step_by_its_formula(cell):
    torch.manual_seed(0)
    network = RecurrentConfig(cell=cell, width=4).build((T, F))
    steps = network.steps(INPUTS)
    h = c = torch.zeros(4)
    for t in range(T):
        h, c = next_state(cell, network.layers[0], INPUTS[0, t], h, c)
        torch.testing.assert_close(steps[0, t], h)
    torch.testing.assert_close(network(INPUTS)[0], h)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_deep_networks_equal_torchs_own_stack(cell, bidirectional):
    torch.manual_seed(0)
    network = RecurrentConfig(cell=cell, width=4, num_layers=3, bidirectional=bidirectional).build((T, F))
    stack = CELLS[cell](F, 4, num_layers=3, batch_first=True, bidirectional=bidirectional)
    with torch.no_grad():
        for i, layer in enumerate(network.layers):
            for name, parameter in layer.named_parameters():
                getattr(stack, name.replace("_l0", f"_l{i}")).copy_(parameter)
    steps, state = stack(INPUTS)
    last = state[0] if cell == "lstm" else state  # [layers * directions, B, width]
    torch.testing.assert_close(network.steps(INPUTS), steps)
    torch.testing.assert_close(network(INPUTS), torch.cat(list(last[-2 if bidirectional else -1 :]), -1))
    assert network.out_features == (8 if bidirectional else 4)
    assert network.causal is not bidirectional


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_padded_sequence_equals_itself_alone(bidirectional, pool):
    torch.manual_seed(0)
    config = RecurrentConfig(cell="gru", width=4, num_layers=2, bidirectional=bidirectional, pool=pool)
    network = config.build((T, F))
    garbage = INPUTS.clone()
    for i, length in enumerate(LENGTHS):
        garbage[i, length:] = float("nan")
    steps, pooled = network.steps(garbage, LENGTHS), network(garbage, LENGTHS)
    for i, length in enumerate(LENGTHS):
        alone = INPUTS[i : i + 1, :length]
        torch.testing.assert_close(steps[i : i + 1, :length], network.steps(alone))
        torch.testing.assert_close(pooled[i : i + 1], network(alone))
        assert not steps[i, length:].any()


def test_dropout_of_each_layer():
    torch.manual_seed(0)
    network = RecurrentConfig(width=500, num_layers=2, dropout=(0.0, 0.5)).build((T, F))
    zeros = (network.steps(INPUTS[:1])[0, -1] == 0).sum()
    assert 180 < int(zeros) < 320
    assert isinstance(network.dropouts[0], nn.Identity)


def test_parameter_count_of_a_bidirectional_lstm():
    network = RecurrentConfig(cell="lstm", width=7, bidirectional=True).build((T, F))
    assert sum(p.numel() for p in network.parameters()) == 2 * 4 * (7 * 3 + 7 * 7 + 7 + 7)


@pytest.mark.parametrize("lengths", [torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 6])])
def test_impossible_lengths_are_refused(lengths):
    with pytest.raises(ValueError, match=r"hold 5 steps. Keep every length in 1..5"):
        RecurrentConfig(width=2).build((T, F))(INPUTS, lengths)


def test_wrong_inputs_and_settings_are_refused():
    network = RecurrentConfig(width=2).build((T, F))
    with pytest.raises(ValueError, match=r"shape \[4, 5, 2\].*built for \[B, 5, 3\]"):
        network(INPUTS[..., :2])
    with pytest.raises(ValueError, match=r"lengths has shape \[3\].*4 sequences"):
        network(INPUTS, LENGTHS[:3])
    with pytest.raises(ValueError, match=r"axes \(T, F\)"):
        RecurrentConfig().build((3,))
    with pytest.raises(ValueError, match=r"cell is 'lsmt'.*Did you mean 'lstm'"):
        RecurrentConfig(cell="lsmt").build((T, F))
    with pytest.raises(ValueError, match="num_layers 0"):
        RecurrentConfig(num_layers=0).build((T, F))
    with pytest.raises(ValueError, match="pool is 'max'"):
        RecurrentConfig(pool="max").build((T, F))


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_what_is_read_in_pieces_is_read_as_a_whole(cell: Literal["rnn", "rnn_relu", "gru", "lstm"]) -> None:
    network = RecurrentConfig(cell=cell, width=5, num_layers=2).build((7, 3)).double()
    inputs = torch.randn(4, 7, 3, dtype=torch.float64)
    whole, memory, pieces = network.steps(inputs), None, []
    for piece in inputs.split([1, 4, 2], dim=1):
        steps, memory = network.carry(piece, memory)
        pieces.append(steps)
    torch.testing.assert_close(torch.cat(pieces, 1), whole)


def test_both_directions_cannot_be_read_in_pieces() -> None:
    network = RecurrentConfig(width=5, bidirectional=True).build((7, 3))
    with pytest.raises(ValueError, match=r"reads in both directions, .* Set bidirectional to False"):
        network.carry(torch.randn(1, 7, 3))
