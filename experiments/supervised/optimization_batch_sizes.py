"""What the batch size does: one example, 8, 64, or all there are (digits).

The budget counts examples, not updates, so all arms see the same ten epochs: 10,780 updates of one example, 169 of 64,
ten of the whole part. Plain descent, each size at the learning rate of 0.003, 0.01, ..., 3 with the least development
loss (two seeds from 100 up). What an epoch costs in time stands in the report's table of arms: an update of one example
takes nearly as long as one of 64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._optimization import SMALL, Problem, compared, fit, optimised
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of optimization_batch_sizes, which all arms share but for batch size and learning rate."""

    run: RunConfig = RunConfig(steps=10_780, log_every=539, evaluate_every=539, save_every=5_390, threads=1)


def variants(config: Config) -> dict[str, Config]:
    """Four sizes, each with its rate."""
    sizes = {"1": (1, 0.03), "8": (8, 0.1), "64": (64, 0.3), "whole": (config.training_images, 1.0)}
    return {
        name: replace(optimised(config, kind="sgd", learning_rate=rate), batch_size=size)
        for name, (size, rate) in sizes.items()
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches, whose steps are examples."""
    return fit(config, seeds, unit="examples")


TARGET = None  # a comparison
COMPARED = compared(10_780)

SMOKE = Config(
    backbone=SMALL,
    training_images=64,
    run=RunConfig(steps=128, log_every=16, evaluate_every=32, save_every=16, threads=1),
)
