"""DQN from pixels: bytes in, channels last inside, exactly resumed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import SMALL_PIXELS
from lab.checkpoint import digest
from lab.seeding import Seeds
from tests.agents.dqn_cases import TINY


def test_pixels_are_kept_as_bytes_and_seen_between_0_and_1() -> None:
    agent = DQN(TINY, (2, 3), 2, Seeds(0), observation_dtype=np.uint8, written_out=False)
    pixels = np.full((1, 2, 3), 255, np.uint8)
    seen = []
    agent.network.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    one = np.ones(1, np.float32)
    for _ in range(8):
        agent.learn(Transition(pixels, np.array([1]), one, one, pixels, np.zeros(1, bool)))
    assert agent.replay.at(agent.replay.newest(1)).observation.dtype == torch.uint8
    assert agent.act(pixels, explore=False).shape == (1,)
    assert seen
    assert all(torch.equal(inputs, torch.ones_like(inputs)) for inputs in seen)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_convolutional_network_computes_in_channels_last_and_resumes_exactly(bfloat16: bool) -> None:
    """The order in memory changes the speed and not the weights' shape; states hold float32."""
    config = replace(SMALL_PIXELS, bfloat16=bfloat16)
    draw = np.random.default_rng(0)
    frames = draw.integers(256, size=(80, 4, 42, 42), dtype=np.uint8)
    one, no = np.ones(1, np.float32), np.zeros(1, bool)
    frames[1:, :-1] = 0  # one stack need not hold the frames of the one before: the replay keeps the newest of each

    def learnt(agent: DQN, first: int, last: int) -> DQN:
        for i in range(first, last):
            agent.learn(Transition(frames[i : i + 1], np.array([i % 3]), one, one, frames[i + 1 : i + 2], no))
        return agent

    def fresh() -> DQN:
        agent = DQN(
            replace(config, learn_after=8), (4, 42, 42), 3, Seeds(0), observation_dtype=np.uint8,
            reward_dtype=np.int32, stack=4,
        )  # fmt: skip
        assert all(
            m.weight.is_contiguous(memory_format=torch.channels_last)
            for m in agent.networks.computing.modules()
            if isinstance(m, torch.nn.Conv2d)
        )
        return agent

    straight = learnt(fresh(), 0, 40)
    state = deepcopy(straight.state_dict())
    assert {p.dtype for p in state["networks"]["network"].values()} == {torch.float32}
    resumed = fresh()
    resumed.load_state_dict(state)
    assert digest(learnt(resumed, 40, 70).state_dict()) == digest(learnt(straight, 40, 70).state_dict())
