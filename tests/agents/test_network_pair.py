"""The learning network and its frozen twin."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from agents.network_pair import NetworkPair
from lab.checkpoint import digest

INPUTS = torch.linspace(-1, 1, 12).view(4, 3)


def pair(frozen: bool = True, bfloat16: bool = False) -> NetworkPair[nn.Linear]:
    torch.manual_seed(0)
    return NetworkPair(nn.Linear(3, 2), frozen=frozen, bfloat16=bfloat16)


def moved(networks: NetworkPair[nn.Linear]) -> NetworkPair[nn.Linear]:
    with torch.no_grad():
        networks.network.weight += 1.0
    networks.changed()
    return networks


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_twin_stays_until_it_is_frozen_anew(bfloat16: bool) -> None:
    networks = pair(bfloat16=bfloat16)
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    twin = networks.computing_frozen
    assert twin is not None
    before = twin(INPUTS.to(dtype))
    moved(networks)
    assert torch.equal(twin(INPUTS.to(dtype)), before)
    networks.freeze()
    assert torch.equal(twin(INPUTS.to(dtype)), networks.computing(INPUTS.to(dtype)))
    assert not torch.allclose(twin(INPUTS.to(dtype)), before)


def test_weights_are_kept_in_float32_and_computed_with_in_bfloat16() -> None:
    networks = moved(pair(bfloat16=True))
    assert {p.dtype for each in networks.all() for p in each.parameters()} == {torch.float32}
    assert networks.computing.weight.dtype == torch.bfloat16
    assert torch.equal(networks.computing.weight, networks.network.weight.bfloat16())
    gradients = networks.gradients(networks.computing(INPUTS.bfloat16()).float().sum())
    assert gradients is not None
    # The slope of a sum of outputs by a weight is the sum of its inputs; by a bias, the number of rows.
    torch.testing.assert_close(gradients[0], INPUTS.sum(0).expand(2, 3), rtol=0.01, atol=0.01)
    assert gradients[1].tolist() == [4.0, 4.0]


def test_without_a_twin_there_is_one_network() -> None:
    networks = pair(frozen=False)
    assert networks.computing_frozen is None
    assert networks.all() == [networks.network]
    networks.freeze()
    assert networks.gradients(networks.computing(INPUTS).sum()) is None


@pytest.mark.parametrize("bfloat16", [False, True])
def test_state_round_trip_reaches_every_copy(bfloat16: bool) -> None:
    networks, others = moved(pair(bfloat16=bfloat16)), pair(bfloat16=bfloat16)
    state = deepcopy(networks.state_dict())
    others.load_state_dict(state)
    assert digest(others.state_dict()) == digest(networks.state_dict())
    for mine, theirs in ((others.computing, networks.computing), (others.computing_frozen, networks.computing_frozen)):
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine.weight, theirs.weight)
