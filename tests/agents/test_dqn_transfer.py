"""A DQN that begins with what another run taught its backbone: both networks, what moves and how fast, and resuming."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import SMALL, DQNConfig
from lab.backbones import Backbone, ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.schedules import constant
from lab.seeding import Seeds
from lab.transfer import TransferConfig, Transferred
from lab.weights import WeightsError, save_weights
from tests.agents.dqn_cases import RAINBOW_PARTS, TINY, parameters, transitions

SHAPE = (4, 6, 6)
PIXELS = replace(
    SMALL, backbone=ConvolutionConfig(channels=(3,), padding=0), hidden=(5,), learn_after=8, train_every=4,
    copy_target_every=16, learning_rate_decay=constant(1.0), max_gradient_norm=None,
)  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "bfloat16": {"bfloat16": True},
    "no-target": {"frozen_target": False},
    "popart": {"popart": True},
    "rainbow": RAINBOW_PARTS,
}
every_variant = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)


def taught(folder: Path, config: MLPConfig | ConvolutionConfig, shape: tuple[int, ...] = SHAPE) -> TransferConfig:
    """The file of a backbone whose weights, and running statistics if it has any, are those of no beginning."""
    torch.manual_seed(11)
    backbone = config.build(shape)
    backbone(torch.randn(32, *shape))
    save_weights(backbone, folder / "taught.safetensors", {"input_shape": list(shape)})
    return TransferConfig.of(folder / "taught.safetensors")


def begun(transfer: TransferConfig, config: DQNConfig = PIXELS, seed: int = 0, **changes: Any) -> DQN:
    config = replace(config, transfer=transfer, **changes)
    return DQN(config, SHAPE, 3, Seeds(seed), observation_dtype=np.uint8)


def old(backbone: Backbone) -> dict[str, Tensor]:
    """What of a backbone was taught before, copied."""
    assert isinstance(backbone, Transferred)
    return {name: tensor.detach().clone() for name, tensor in backbone.old.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def learnt(agent: DQN, first: int, last: int) -> DQN:
    draw = np.random.default_rng(0)
    frames = draw.integers(256, size=(last + 1, 1, *SHAPE), dtype=np.uint8)
    one, no = np.ones(1, np.float32), np.zeros(1, bool)
    for i in range(first, last):
        agent.learn(Transition(frames[i], np.array([i % 3]), one, one, frames[i + 1], no))
    return agent


@every_variant
def test_both_networks_begin_with_what_was_taught_and_the_head_as_from_scratch(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    transfer = taught(tmp_path, PIXELS.backbone)
    torch.manual_seed(11)
    weights = dict(PIXELS.backbone.build(SHAPE).state_dict())
    agent, scratch = begun(transfer, **changes), begun(TransferConfig(), **changes)
    for network in agent.networks.all():
        assert same(old(network.backbone), weights)
        assert same(dict(network.head.state_dict()), dict(scratch.network.head.state_dict()))
    for half in filter(None, (agent.networks.computing, agent.networks.computing_frozen)):
        kept = {name: tensor.to(next(half.parameters()).dtype) for name, tensor in weights.items()}
        assert same(old(half.backbone), kept)
    assert not same(dict(scratch.backbone.state_dict()), weights)


@every_variant
def test_what_is_frozen_never_moves_while_the_head_does(changes: dict[str, Any], tmp_path: Path) -> None:
    transfer = replace(taught(tmp_path, PIXELS.backbone), frozen=True, added=(6,))
    agent = begun(transfer, **changes)
    before, head = old(agent.backbone), deepcopy(dict(agent.network.head.state_dict()))
    assert isinstance(agent.backbone, Transferred)
    added = deepcopy(dict(agent.backbone.new.state_dict()))
    learnt(agent, 0, 64)
    assert agent.descent.updates > 10
    assert agent.copied_at > 0
    assert all(same(old(network.backbone), before) for network in agent.networks.all())
    assert not same(dict(agent.network.head.state_dict()), head)
    assert not same(dict(agent.backbone.new.state_dict()), added)


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_what_was_taught_moves_by_its_share_of_the_rate(decay: float, tmp_path: Path) -> None:
    """Adam's first step is the learning rate times g / (|g| + epsilon): its whole length wherever there is a slope."""
    transfer = replace(taught(tmp_path, PIXELS.backbone), rate=0.25)
    agent = begun(transfer, learning_rate_decay=constant(decay), updates=1, learn_after=8, optimizer_epsilon=1e-12)
    before = old(agent.backbone)
    head = {name: tensor.clone() for name, tensor in agent.network.head.state_dict().items()}
    learnt(agent, 0, 8)
    assert agent.descent.updates == 1
    rate = decay * agent.config.learning_rate
    for now, was, share in ((old(agent.backbone), before, 0.25), (agent.network.head.state_dict(), head, 1.0)):
        steps = torch.cat([(now[name] - was[name]).abs().flatten() for name in was])
        moved = steps[steps > 0]
        assert len(moved) > len(steps) / 4
        torch.testing.assert_close(moved, torch.full_like(moved, rate * share), rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("frozen", [False, True])
@every_variant
def test_it_is_resumed_exactly(changes: dict[str, Any], frozen: bool, tmp_path: Path) -> None:
    transfer = replace(taught(tmp_path, PIXELS.backbone), frozen=frozen)
    straight = learnt(begun(transfer, **changes), 0, 40)
    resumed = begun(transfer, **changes)
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    assert digest(learnt(resumed, 40, 64).state_dict()) == digest(learnt(straight, 40, 64).state_dict())


def test_batch_norm_stays_as_it_was_taught_or_is_refused(tmp_path: Path) -> None:
    backbone = ConvolutionConfig(channels=(3,), padding=0, batch_norm=True, dropout=0.5)
    transfer = taught(tmp_path, backbone)
    with pytest.raises(ValueError, match=r"batch norm.* --agent\.transfer\.frozen True"):
        begun(transfer, backbone=backbone)
    for changes in ({}, {"noisy": True}, {"bfloat16": True}):
        agent = begun(replace(transfer, frozen=True), backbone=backbone, **changes)
        before = old(agent.backbone)
        assert {name.rpartition(".")[2] for name in before} > {"running_mean", "running_var"}
        learnt(agent, 0, 40)
        assert all(same(old(network.backbone), before) for network in agent.networks.all())


def test_with_the_backbone_of_a_beginning_it_learns_what_that_learns(tmp_path: Path) -> None:
    """The one with gradients written out, the other by autograd; the head is drawn alike, so they learn the same."""
    scratch = DQN(TINY, (3,), 2, Seeds(0))
    save_weights(scratch.backbone, tmp_path / "b.safetensors", {"input_shape": [3]})
    agent = DQN(replace(TINY, transfer=TransferConfig.of(tmp_path / "b.safetensors", rate=1.0)), (3,), 2, Seeds(0))
    assert scratch.plain is not None
    assert agent.plain is None
    for transition in transitions(30):
        scratch.learn(transition)
        agent.learn(transition)
    torch.testing.assert_close(parameters(agent), parameters(scratch), rtol=1e-3, atol=1e-5)


def test_observations_of_another_shape_are_refused_with_the_reason(tmp_path: Path) -> None:
    transfer = taught(tmp_path, PIXELS.backbone)
    with pytest.raises(WeightsError, match=r"taught on inputs of shape \[4, 6, 6\], but these are \[2, 6, 6\]"):
        DQN(replace(PIXELS, transfer=transfer), (2, 6, 6), 3, Seeds(0), observation_dtype=np.uint8)


def test_a_backbone_at_random_cannot_stay_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"frozen is set, but the backbone begins at random"):
        begun(TransferConfig(frozen=True))
