"""From an experiment's frozen Config to options on the command line, with tyro."""

from __future__ import annotations

import sys
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, TypeVar

import tyro

from lab.experiment import Experiment

L = TypeVar("L")


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """What to launch."""

    seeds: str = "0"
    """Seeds, as a range or a list: 0-4 or 1,5,7."""
    jobs: int = 1
    """Runs at a time, each in a process of its own; the cores are divided among them."""
    variant: tuple[str, ...] = ()
    """Only these arms, where the experiment compares several."""
    fresh: bool = False
    """Start over; the old runs are kept beside the new ones as seed-N~1, seed-N~2, ..."""
    runs_dir: str | None = None
    """Where runs are kept (default: $LAB_RUNS, or ./runs)."""
    from_: Annotated[str, tyro.conf.arg(name="from", metavar="RUN|FILE")] = ""
    """Begin with the backbone that a run has learnt, or with a file of weights."""
    report: bool = False
    """Write the report page at the end."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(LaunchOptions):
    """What to verify."""

    json: bool = False
    """Print the verdict as JSON, and nothing else."""
    record: bool = False
    """Keep the result in the repository, as results/NAME.json and in RESULTS.md."""
    repository: str | None = None
    """What holds results/ and RESULTS.md (default: the lab's checkout)."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """What to probe."""

    seeds: str = "0"
    """The seed of the model's first weights and of the probe's own draws."""


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
