"""The settings of a DQN: what is refused, and the published ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.dqn_config import ADAM_DQN, NATURE_DQN, RAINBOW, SMALL, DQNConfig
from agents.q_network import QNetwork
from lab.backbones.convolution import Convolution
from lab.config import from_json, to_json
from lab.schedules import by_hand, cosine, linear


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train_every": 0}, "train_every is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"discount": 1.5}, "discount is 1.5"),
        ({"reward_clip": 0.0}, "reward_clip is 0.0"),
        ({"learn_after": -1}, "learn_after is -1"),
        ({"exploration": linear(1.0, -0.5, 10)}, "exploration is -0.5 at step 10"),
        ({"exploration": by_hand((0, 1.0), (5, 3.0), (10, 0.0))}, "exploration is 3.0 at step 5"),
        ({"exploration": cosine(2.0, 0.0, 50, warmup_steps=10)}, "exploration is 2.0 at step 10"),
        ({"n_step": 0}, "n_step is 0"),
        ({"experience_replay": False, "prioritised": True}, "prioritised says how experience is replayed"),
        ({"experience_replay": False, "n_step": 2}, "n_step says how experience is replayed"),
        ({"popart": True, "distributional": True}, "exclude each other"),
        ({"double": True, "frozen_target": False}, "double takes two networks"),
        ({"value_range": (1.0, -1.0)}, "value_range is"),
        ({"value_range": (0.0, float("inf"))}, "value_range is"),
        ({"atoms": 1}, "with 1 atoms"),
        ({"noise": 0.0}, "noise is 0.0"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **wrong)


def test_the_nature_network_has_the_published_sizes() -> None:
    """Mnih et al. 2015, extended data table 1: 20 x 20, 9 x 9 and 7 x 7 maps, then 512 units; 1.68 million weights."""
    backbone = NATURE_DQN.backbone.build((4, 84, 84))
    assert isinstance(backbone, Convolution)
    assert backbone.map_shape == (64, 7, 7)
    network = QNetwork(backbone, 6, hidden=NATURE_DQN.hidden)
    convolutions = (4 * 8 * 8 + 1) * 32 + (32 * 4 * 4 + 1) * 64 + (64 * 3 * 3 + 1) * 64
    assert sum(p.numel() for p in network.parameters()) == convolutions + (7 * 7 * 64 + 1) * 512 + 513 * 6


def test_the_optimisers_are_those_of_the_papers() -> None:
    """Of DQN the authors' Lua, as DQN Zoo has it: centred, memory 0.95, 0.01 under the root for sums over 32, no more
    than errors clipped; of Rainbow table 1, which is Adam with 6.25e-5 and 1.5e-4, whatever CleanRL says of it.
    """
    nature, rainbow = NATURE_DQN.optimizer_config(), RAINBOW.optimizer_config()
    assert (nature.kind, nature.centered, nature.smoothing) == ("rmsprop", True, 0.95)
    assert (nature.learning_rate, nature.epsilon, nature.max_norm) == (2.5e-4, 0.01**0.5 / 32, None)
    assert NATURE_DQN.huber
    assert (rainbow.kind, rainbow.learning_rate, rainbow.epsilon) == ("adam", 6.25e-5, 1.5e-4)


def test_rainbow_is_all_switches_but_popart() -> None:
    """Hessel et al. 2018, table 1; steps there are frames, four of which are one here."""
    switches = ("double", "duelling", "prioritised", "distributional", "noisy")
    assert all(getattr(RAINBOW, name) for name in switches)
    assert not any(getattr(plain, name) for name in switches for plain in (NATURE_DQN, ADAM_DQN, DQNConfig()))
    assert (RAINBOW.n_step, RAINBOW.atoms, RAINBOW.value_range, RAINBOW.noise) == (3, 51, (-10.0, 10.0), 0.5)
    assert (RAINBOW.learn_after, RAINBOW.copy_target_every) == (80_000 // 4, 32_000 // 4)
    assert (RAINBOW.priorities.exponent, RAINBOW.priorities.importance(0)) == (0.5, 0.4)
    assert RAINBOW.optimizer_config().epsilon == 1.5e-4


def test_natures_exploration_falls_from_the_first_update_on() -> None:
    """DQN Zoo, dqn/run_atari.py: from min_replay_capacity on, over a million steps of the agent."""
    at = NATURE_DQN.learn_after
    assert [NATURE_DQN.exploration(step) for step in (0, at, at + 500_000, at + 1_000_000)] == pytest.approx(
        [1, 1, 0.55, 0.1]
    )


@pytest.mark.parametrize("config", [NATURE_DQN, ADAM_DQN, RAINBOW, SMALL], ids=["nature", "adam", "rainbow", "small"])
def test_settings_survive_json_whichever_the_backbone(config: DQNConfig) -> None:
    assert from_json(DQNConfig, to_json(config)) == config
