"""Compares walks with and without a drift."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lab.experiment import Compared
from lab.run import RunConfig
from lab.seeding import Seeds
from tests.toys import walk


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of walk_arms."""

    walk: walk.WalkConfig = field(default_factory=walk.WalkConfig)
    run: RunConfig = field(default_factory=lambda: walk.SMOKE.run)


def variants(config: Config) -> dict[str, Config]:
    """With and without a drift."""
    return {"drift": config, "no_drift": replace(config, walk=replace(config.walk, drift=0))}


def build(config: Config, seeds: Seeds) -> walk.Walk:
    """The trial."""
    return walk.build(walk.Config(walk=config.walk, run=config.run), seeds)


TARGET = None

SMOKE = Config()

COMPARED = Compared(metrics=("eval/score",), steps=SMOKE.run.steps, seeds=2, protocol="the last place")
