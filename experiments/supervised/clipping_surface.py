"""The cliff in the error surface of a recurrent network, descended with and without clipped gradients.

A network of one unit has two parameters, so that its surface can be drawn: `media/` of each run shows it with both
paths from the same start. The longest step tells whether a path was thrown off the cliff. Settings are such that the
clipped descent gets to the bottom; its twin has the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.cliff import Cliff, CliffConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of clipping_surface."""

    cliff: CliffConfig = CliffConfig()
    run: RunConfig = RunConfig(steps=300, log_every=10, evaluate_every=50, save_every=100, device="cpu", threads=1)


def build(config: Config, seeds: Seeds) -> Cliff:
    """The trial: both descents from a start that the seed draws."""
    return Cliff(config.cliff, seeds, config.run.torch_device())


TARGET = None

SMOKE = Config(run=RunConfig(steps=120, log_every=10, evaluate_every=40, save_every=20, device="cpu", threads=1))
