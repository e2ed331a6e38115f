"""A result and its experiment, made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.config import to_json
from lab.experiment import Experiment, Listing, Target
from lab.results.result import Result, SeedScore, Stand
from tests.toys import walk

TARGET = Target(metric="eval/return", at_least=475.0, steps=50_000, seeds=3, protocol="20 episodes", source="the zoo")
STAND = Stand(
    seeds=(0, 1, 2),
    processor="AMD EPYC 7B13 64-Core Processor",
    cores=2,
    gpus=(),
    device="cpu",
    threads=1,
    deterministic=True,
    python="3.11.7",
    torch="2.13.0+cpu",
    commit="0123456789abcdef",
    uncommitted=(),
)


def experiment(name: str = "cart", wing: str = "agents", target: Target | None = TARGET, **changes: Any) -> Experiment:
    listing = Listing(name, wing, "It balances.", Path(f"/experiments/{wing}/{name}.py"))
    return replace(Experiment(listing, walk.Config, walk.build, target, None, None), **changes)


def result(name: str = "cart", scores: tuple[float, ...] = (500.0, 490.0, 480.0), **changes: Any) -> Result:
    """A result of seeds 0, 1, ...; what is not given fits the scores (500, 490, 480)."""
    plain = Result(
        experiment=name,
        variant=None,
        unit="environment steps",
        target=TARGET,
        verdict="pass",
        estimate=490.0,
        interval=(480.0, 500.0),
        sentence="IQM 490 [480, 500] over 3 seeds; the target is at least 475.",
        seconds=75.0,
        seeds=tuple(
            SeedScore(seed=seed, score=score, seconds=75.0, finished="2026-02-03T04:05:06+00:00")
            for seed, score in enumerate(scores)
        ),
        stands=(STAND,),
        differences=(),
        config=to_json(walk.Config()),
    )
    return replace(plain, **changes)
