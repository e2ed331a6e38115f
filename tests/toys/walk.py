"""A random walk with a drift: the smallest experiment there is.

Its settings are one of every kind, and it can be told to be slow, to go wrong or to break.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from lab.experiment import Target
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Clip, Metrics, Picture, State


@dataclass(frozen=True, kw_only=True)
class WalkConfig:
    """How it walks."""

    drift: float = 0.5  # a unit
    noise: Literal["normal", "uniform"] = "normal"
    weights: tuple[int, ...] = (1, 2)
    limit: float | None = None
    reflecting: bool = False


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of walk."""

    walk: WalkConfig = field(default_factory=WalkConfig)
    note: str = "none"
    stride: int = 1  # units a step
    seconds: float = 0.0  # that each step sleeps
    nan_at: int | None = None  # the unit at which the loss is no number
    breaks_at: int | None = None  # the unit at which the code breaks
    run: RunConfig = field(
        default_factory=lambda: RunConfig(
            steps=20, log_every=5, evaluate_every=10, save_every=10, threads=1, device="cpu", wandb="off"
        )
    )


class Walk:
    """The trial."""

    unit = "paces"

    def __init__(self, config: Config, seeds: Seeds):
        self.config, self.seeds = config, seeds
        self.generator = seeds.generator("pace")
        self.position = torch.zeros((), dtype=torch.float64)
        self.steps = 0

    def step(self) -> Metrics:
        """`stride` units."""
        time.sleep(self.config.seconds)
        self.steps += self.config.stride
        draw = torch.rand if self.config.walk.noise == "uniform" else torch.randn
        self.position = self.position + self.config.walk.drift + draw((), generator=self.generator, dtype=torch.float64)
        if self.config.breaks_at is not None and self.steps >= self.config.breaks_at:
            raise ZeroDivisionError("the toy broke as it was told to")
        bad = self.config.nan_at is not None and self.steps >= self.config.nan_at
        return {"loss": math.nan if bad else self.position.square(), "position": self.position}

    def evaluate(self) -> Metrics:
        """The position, disturbed by draws of its own."""
        noise = torch.randn((), generator=self.seeds.generator(f"evaluation/{self.steps}"), dtype=torch.float64)
        return {"score": self.position + noise}

    def illustrate(self) -> Mapping[str, Picture | Clip]:
        """A grey square as bright as it walked far."""
        return {"place": Picture(np.full((4, 4, 3), min(255, abs(int(self.position))), np.uint8), "how far")}

    def state_dict(self) -> State:
        """Everything."""
        return {"position": self.position, "generator": self.generator.get_state(), "steps": self.steps}

    def load_state_dict(self, state: State) -> None:
        """Goes on."""
        self.position, self.steps = state["position"], state["steps"]
        self.generator.set_state(state["generator"])


def build(config: Config, seeds: Seeds) -> Walk:
    """The trial."""
    config.run.torch_device()
    return Walk(config, seeds)


TARGET = Target(
    metric="eval/score",
    at_least=-100.0,
    steps=20,
    seeds=2,
    protocol="where it is at the end",
    source="made up",
)

SMOKE = Config()
