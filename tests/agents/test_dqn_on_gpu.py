"""DQN on a GPU: what is recorded gives the bits of what is not, waits for nothing and is resumed exactly."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import SMALL_PIXELS, DQNConfig
from lab import recording
from lab.checkpoint import digest
from lab.provenance import fixed_bits
from lab.schedules import linear
from lab.seeding import Seeds
from lab.transfer import TransferConfig
from lab.weights import save_weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
NUM = 4
PIXELS = replace(SMALL_PIXELS, hidden=(16,), learn_after=24, replay_capacity=240)
RAINBOW = replace(
    PIXELS, double=True, duelling=True, n_step=3, prioritised=True, distributional=True, noisy=True,
    value_range=(-3.0, 3.0), atoms=11,
)  # fmt: skip
CASES = {
    "adam": PIXELS,
    "two-updates": replace(PIXELS, train_every=2),
    "rate": replace(PIXELS, learning_rate_decay=linear(1.0, 0.1, 100)),
    "rmsprop": replace(PIXELS, optimizer="rmsprop", max_gradient_norm=None),
    "bfloat16": replace(PIXELS, bfloat16=True),
    "popart": replace(PIXELS, popart=True),
    "no-target": replace(PIXELS, frozen_target=False),
    "rainbow": RAINBOW,
}


def transitions(count: int) -> list[Transition]:
    draw = np.random.default_rng(0)
    frames = draw.integers(256, size=(count + 1, NUM, 4, 42, 42), dtype=np.uint8)
    steps = []
    for i in range(count):
        last = draw.random(NUM) < 0.05
        reward = draw.integers(-1, 2, NUM).astype(np.float32)
        discount = np.where(last, 0, 1).astype(np.float32)
        steps.append(Transition(frames[i], draw.integers(3, size=NUM), reward, discount, frames[i + 1], last))
    return steps


def make(config: DQNConfig) -> DQN:
    return DQN(
        config, (4, 42, 42), 3, Seeds(0), observation_dtype=np.uint8, reward_dtype=np.int32, stack=4, device="cuda"
    )


def taught(agent: DQN, steps: list[Transition]) -> list[Any]:
    """What it chose on the way."""
    chosen = []
    for step in steps:
        chosen.append(agent.act(step.observation, explore=True).tolist())
        agent.learn(step)
    return chosen


@pytest.fixture(autouse=True)
def exact() -> Any:
    with fixed_bits(1, deterministic=True):
        yield


def assert_recording_changes_nothing(config: DQNConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = transitions(60)
    recorded, plain = make(config), make(config)
    chosen = taught(recorded, steps)
    assert recorded._learning._recordings, "nothing was recorded"
    monkeypatch.setattr(recording, "WARM_UPS", 10**9)
    assert taught(plain, steps) == chosen
    assert digest(plain.state_dict()) == digest(recorded.state_dict())
    assert plain.descent.updates == recorded.descent.updates > 5


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_recording_changes_no_bit(config: DQNConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_recording_changes_nothing(config, monkeypatch)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_recording_changes_no_bit_where_layers_learn_at_their_own_rates(
    bfloat16: bool, frozen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(make(PIXELS).backbone, tmp_path / "b.safetensors")
    transfer = TransferConfig.of(tmp_path / "b.safetensors", frozen=frozen)
    config = replace(CASES["rate"], transfer=transfer, bfloat16=bfloat16)
    assert_recording_changes_nothing(config, monkeypatch)


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_it_is_resumed_exactly(config: DQNConfig) -> None:
    steps = transitions(80)
    straight, resumed = make(config), make(config)
    taught(straight, steps[:40])
    resumed.load_state_dict(deepcopy(straight.state_dict()))
    assert taught(straight, steps[40:]) == taught(resumed, steps[40:])
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_learning_waits_for_nothing(config: DQNConfig) -> None:
    steps, agent = transitions(60), make(config)
    taught(agent, steps[:40])
    before = agent.descent.updates
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in steps[40:]:
            agent.learn(step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert agent.descent.updates > before
