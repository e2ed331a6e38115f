"""A Q-network's passes: what is compiled is what is not."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.agent import Transition
from agents.dqn import DQN
from agents.dqn_config import SMALL, DQNConfig
from agents.passes import Passes
from agents.q_network import QNetwork
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.seeding import Seeds

PIXELS = ConvolutionConfig(channels=(3,), kernel_size=3, padding=0, dense=MLPConfig(widths=(5,)))


def passes(config: DQNConfig) -> tuple[Passes, QNetwork]:
    torch.manual_seed(0)
    network = QNetwork(config.backbone.build((4, 6, 6)), 2, noisy=config.noise if config.noisy else None)
    return Passes(config, network, torch.device("cpu")), network.eval()


@pytest.mark.parametrize(("bfloat16", "dtype"), [(False, torch.float32), (True, torch.bfloat16)])
def test_pixels_become_numbers_from_0_to_1_with_channels_last(bfloat16: bool, dtype: torch.dtype) -> None:
    mine, _ = passes(replace(SMALL, backbone=PIXELS, bfloat16=bfloat16))
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 4, 6, 6)
    inputs = mine.inputs(pixels)
    assert inputs.dtype == dtype
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert inputs[:, 0, 0, 0].tolist() == pytest.approx([0.0, 0.2, 1.0], abs=1e-3)
    assert pixels[1, 0, 0, 0] == 51  # the replay's memory is left alone


def test_floats_are_left_as_they_are() -> None:
    mine, _ = passes(replace(SMALL, backbone=PIXELS))
    observations = torch.full((2, 4, 6, 6), 300.0)
    assert torch.equal(mine.inputs(observations), observations)


def test_many_observations_pass_in_parts_to_the_same_outputs() -> None:
    mine, network = passes(replace(SMALL, backbone=PIXELS))
    observations = torch.randint(256, (1_100, 4, 6, 6), dtype=torch.uint8)
    outputs = mine.outputs(network, observations)
    assert outputs.shape == (1_100, 2)
    torch.testing.assert_close(outputs[1_050], network(mine.inputs(observations[1_050:1_051]))[0])
    assert not outputs.requires_grad


def test_noise_is_on_only_where_it_is_wanted_and_the_mode_is_put_back() -> None:
    mine, network = passes(replace(SMALL, backbone=PIXELS, noisy=True))
    for buffer in network.buffers():
        buffer.fill_(1.0)
    observations = torch.randint(256, (2, 4, 6, 6), dtype=torch.uint8)
    calm, noisy = mine.act(network, observations, False), mine.act(network, observations, True)
    assert not torch.allclose(calm, noisy)
    torch.testing.assert_close(mine.outputs(network, observations), noisy)
    assert not network.training


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with g++, which this machine lacks")
def test_compiled_learns_the_same_and_resumes_exactly() -> None:
    def fresh(compiled: bool) -> DQN:
        config = replace(SMALL, backbone=PIXELS, learn_after=8, train_every=8, updates=1, compiled=compiled)
        return DQN(config, (4, 6, 6), 2, Seeds(0), observation_dtype=np.uint8)

    draw = np.random.default_rng(0)
    frames = draw.integers(256, size=(65, 1, 4, 6, 6), dtype=np.uint8)
    one, no = np.ones(1, np.float32), np.zeros(1, bool)

    def learnt(agent: DQN, first: int, last: int) -> DQN:
        for i in range(first, last):
            agent.learn(Transition(frames[i], np.array([i % 2]), one, one, frames[i + 1], no))
        return agent

    plain, compiled = learnt(fresh(False), 0, 40), learnt(fresh(True), 0, 40)
    assert compiled.descent.updates == plain.descent.updates == 5
    for name, parameter in compiled.network.state_dict().items():
        torch.testing.assert_close(parameter, plain.network.state_dict()[name], rtol=1e-3, atol=1e-5)
    resumed = fresh(True)
    resumed.load_state_dict(deepcopy(compiled.state_dict()))
    assert digest(learnt(resumed, 40, 64).state_dict()) == digest(learnt(compiled, 40, 64).state_dict())
