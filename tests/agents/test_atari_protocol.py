"""The Atari protocols are those that were published, and settings out of range are refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from agents.atari_protocol import BASELINES, DOPAMINE, NATURE, AtariProtocol

EVERYWHERE = {
    "frame_skip": 4,
    "max_pool": True,
    "max_frames": 30 * 60 * 60,  # minutes x seconds x frames
    "image_height": 84,
    "image_width": 84,
    "stack": 4,
    "full_action_space": False,
}


@pytest.mark.parametrize(
    ("protocol", "published"),
    [
        (NATURE, (0.0, 30, False, True)),
        (DOPAMINE, (0.25, 0, False, False)),
        (BASELINES, (0.0, 30, True, True)),
    ],
    ids=["nature", "dopamine", "baselines"],
)
def test_protocols_are_those_that_were_published(
    protocol: AtariProtocol, published: tuple[float, int, bool, bool]
) -> None:
    names = ("sticky_action_probability", "noop_max", "fire_on_reset", "life_loss_is_terminal")
    assert asdict(protocol) == dict(zip(names, published)) | EVERYWHERE


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sticky_action_probability", 1.0),
        ("sticky_action_probability", -0.1),
        ("noop_max", -1),
        ("frame_skip", 0),
        ("max_frames", 0),
        ("image_height", 0),
        ("image_width", -84),
        ("stack", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"protocol\.{setting} is {value}"):
        replace(NATURE, **{setting: value})
