"""From an experiment's frozen Config to options on the command line, with tyro."""

from __future__ import annotations

import sys
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Literal, TypeVar

import tyro

from lab.experiment import Experiment

L = TypeVar("L")


@dataclass(frozen=True, kw_only=True)
class RunsOptions:
    """Which runs, and where they are computed and kept."""

    seeds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SEEDS")] = ("0",)
    """Seeds, as a range or a list: 0-4, or 1,5,7, or 1 5 7."""
    jobs: int | None = None
    """Runs at a time, each in a process of its own, the cores divided among them (default: 1; on a cluster, all)."""
    on: Literal["local", "slurm", "ray"] = "local"
    """Where they are computed. Which run it is does not depend on it."""
    with_: Annotated[tuple[str, ...], tyro.conf.arg(name="with", metavar="KEY=VALUE ...")] = ()
    """Settings of a cluster: partition=gpu timeout_min=240 (slurm), address=auto num_gpus=1 (ray)."""
    runs_dir: str | None = None
    """Where runs are kept (default: $LAB_RUNS, or ./runs)."""


@dataclass(frozen=True, kw_only=True)
class LaunchOptions(RunsOptions):
    """What to launch."""

    devices: int | None = None
    """Train each run on so many devices at once, every one with its share of each batch: CPU processes, or GPUs. By
    default as it began; on one where it begins, --fresh included."""
    variant: tuple[str, ...] = ()
    """Only these arms, where the experiment compares several."""
    fresh: bool = False
    """Start over; the old runs are kept beside the new ones as seed-N~1, seed-N~2, ..."""
    from_: Annotated[str, tyro.conf.arg(name="from", metavar="RUN|FILE")] = ""
    """Begin with the backbone that a run has learnt, or with a file of weights."""
    report: bool = False
    """Write the report page at the end."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(LaunchOptions):
    """What to verify."""

    seeds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SEEDS")] = ()
    """Seeds, as a range or a list: 0-4, or 1,5,7, or 1 5 7. By default as many as the target asks for, from 0 on."""
    variant: tuple[str, ...] = ()
    """The arm, where the experiment compares several. By default that of which the target speaks."""
    json: bool = False
    """Print the verdict as JSON, and nothing else."""
    record: bool = False
    """Keep the result in the repository, as results/NAME.json and in RESULTS.md."""
    repository: str | None = None
    """What holds results/ and RESULTS.md (default: the lab's checkout)."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """What to probe."""

    seed: int = 0
    """Of the model's first weights and of the probe's own draws."""
    variant: tuple[str, ...] = ()
    """Only these arms, where the experiment compares several."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions(RunsOptions):
    """What to search."""

    vary: tuple[str, ...] = ()
    """What varies: SETTING=LOW:HIGH, SETTING=LOW:HIGH:SCALE (linear, log, log1m), or SETTING=A,B,C."""
    candidates: int = 32
    """Settings that are tried."""
    seeds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SEEDS")] = ("0-2",)
    """Seeds of those that go all the way, as a range or a list: 0-4, or 1,5,7, or 1 5 7. Before that fewer."""
    keep: int = 3
    """One in so many goes on, with so many times the budget and, where there are several, the seeds. Where none is
    stopped early, one in its square gets more seeds at a time."""
    first_steps: int | None = None
    """The budget after which the first are stopped (default: the whole by keep twice). Where it is the whole, none is
    stopped early: all are tried with one seed, and what leads gets twice as many, until that which leads has all."""
    stages: int = 1
    """After the first, each stage draws from a quarter of every range around the best so far."""
    metric: str | None = None
    """What is to be good, such as eval/return (default: the target's)."""
    lower_is_better: bool = False
    """Of that metric, where it is not the target's, whose bound says so."""
    satisfy: tuple[str, ...] = ()
    """What only has to be good enough, on average over seeds: "eval/length>=100"."""
    sampler: Literal["even", "random"] = "even"
    """Even: Halton's sequence. Random: independent draws."""
    search_seed: int = 0
    """Of the candidates."""
    variant: tuple[str, ...] = ()
    """The arm to search, where the experiment compares several."""
    json: bool = False
    """Print what was found as JSON, and nothing else."""


def parse(command: str, experiment: Experiment, options: type[L], words: list[str]) -> tuple[L, Any]:
    """The launch options and the config that the words after `lab run NAME` say.

    Prints help and exits with 0 for --help; prints what is wrong, with the nearest options, and exits with 2.
    """
    flat = tyro.conf.arg(name="")  # --seeds, not --launch.seeds
    arguments = make_dataclass(
        "Arguments",
        [
            ("launch", Annotated[options, flat, tyro.conf.FlagCreatePairsOff]),
            # A choice between kinds of settings (of backbones) stays what the experiment chose.
            ("config", Annotated[experiment.Config, flat, tyro.conf.FlagConversionOff, tyro.conf.AvoidSubcommands]),
        ],
        frozen=True,
    )
    about = sys.modules[experiment.Config.__module__].__doc__ or ""
    default = arguments(options(), experiment.Config())
    parsed = tyro.cli(
        arguments,
        prog=f"lab {command} {experiment.name}",
        description=about,
        default=default,
        args=words,
    )
    return parsed.launch, parsed.config
