"""A recorded comparison: what all arms of an experiment scored, and the settings, machine and code they stood on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.config import ConfigError, address, from_json, portable
from lab.experiment import Compared, Experiment
from lab.interventions import nursed_note
from lab.results.result import ResultError, Stand, stands_of
from lab.store import RunDirectory, find_runs, finished
from lab.verdict import row_at


@dataclass(frozen=True, kw_only=True)
class SeedScores:
    """What one seed of an arm scored at the budget."""

    seed: int
    scores: tuple[float, ...]  # of each metric
    seconds: float  # of wall-clock time up to there, all attempts together
    finished: str  # when its run ended: ISO time, UTC


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """What the seeds of one arm scored."""

    arm: str
    seeds: tuple[SeedScores, ...]
    steps: int | None = None  # its budget, where arms have budgets of their own


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """What `lab compare NAME --record` writes down, all of it as it was when it was measured."""

    experiment: str
    unit: str  # of the budget
    compared: Compared
    arms: tuple[ArmScores, ...]
    stands: tuple[Stand, ...]
    configs: Mapping[str, Any] = field(default_factory=dict)  # of each arm, as its runs had them, without folders

    @property
    def name(self) -> str:
        """The experiment."""
        return self.experiment


def comparison_of(experiment: Experiment, runs: Path) -> ComparisonResult:
    """The comparison of the finished runs of all arms under a folder of runs, with the experiment's own settings.

    Raises ResultError where it compares nothing, where arms differ in their seeds or have too few, and for a run
    without a score.
    """
    compared = experiment.compared
    if compared is None:
        raise ResultError(
            f"{experiment.name} does not say how its arms are compared, so there is nothing to record. Give it a "
            "COMPARED, or record its target by `lab verify`."
        )
    own = experiment.variants(experiment.Config())
    found = _by_arm(experiment.name, own, runs)
    wanted = set().union(*found.values()) or set(range(compared.seeds))
    again = f"lab run {experiment.name} --seeds 0-{max(compared.seeds, len(wanted)) - 1}"
    for arm, directories in found.items():
        if lacking := sorted(wanted - set(directories)):
            raise ResultError(
                f"{experiment.name} was not recorded: its arm {arm} has no run of seed {', '.join(map(str, lacking))} "
                f"with the experiment's own settings. Run it: {again}"
            )
    if len(wanted) < compared.seeds:
        raise ResultError(
            f"{experiment.name} was not recorded: there are {len(wanted)} of {compared.seeds} seeds. Run all: {again}"
        )
    arms = []
    for arm, directories in found.items():
        steps = compared.steps or own[arm].run.steps
        seeds = tuple(_scores(directories[seed], seed, compared.metrics, steps) for seed in sorted(directories))
        arms.append(ArmScores(arm=arm, seeds=seeds, steps=None if compared.steps else steps))
    every = [(seed, directory) for directories in found.values() for seed, directory in directories.items()]
    first = {arm: next(iter(directories.values())) for arm, directories in found.items()}
    return ComparisonResult(
        experiment=experiment.name,
        unit=every[0][1].status()["unit"],
        compared=compared,
        arms=tuple(arms),
        stands=stands_of(every),
        configs={arm: portable(from_json(experiment.Config, each.record()["config"])) for arm, each in first.items()},
    )


def outdated_comparison(result: ComparisonResult, experiment: Experiment) -> str:
    """Why a recorded comparison no longer speaks of the experiment as it is now; nothing if it does."""
    if result.compared != experiment.compared:
        return "what it is compared by was changed"
    own = experiment.variants(experiment.Config())
    if list(own) != [each.arm for each in result.arms]:
        return "its arms were changed"
    if any(each.steps not in (None, own[each.arm].run.steps) for each in result.arms):
        return "its budgets were changed"
    try:
        recorded: dict[str, Any] = {arm: from_json(experiment.Config, result.configs[arm]) for arm in own}
    except (ConfigError, KeyError):
        return "its settings were changed"
    same = all(address(experiment.name, recorded[arm]) == address(experiment.name, own[arm]) for arm in own)
    return "" if same else "its settings were changed"


def _by_arm(experiment: str, own: Mapping[str, Any], runs: Path) -> dict[str, dict[int, RunDirectory]]:
    """The runs of each arm by seed; `own` are the settings of all arms."""
    places = {runs / experiment / address(experiment, config): arm for arm, config in own.items()}
    found: dict[str, dict[int, RunDirectory]] = {arm: {} for arm in own}
    for directory in find_runs(runs):
        if (arm := places.get(directory.path.parent)) is not None:
            found[arm][directory.record()["seed"]] = directory
    return found


def _scores(directory: RunDirectory, seed: int, metrics: Sequence[str], steps: int) -> SeedScores:
    if note := nursed_note(directory):
        raise ResultError(f"{directory.path} was not recorded. {note}. Start a clean one with --fresh.")
    row = row_at(directory.rows(), metrics[0], steps) if finished(directory) else None
    if row is None or any(row.get(metric) is None for metric in metrics):
        raise ResultError(
            f"{directory.path} has no {_listed(metrics)} at {steps:,} steps, so nothing was "
            "recorded: without it the story would be too fair. See `lab runs`, and let it run to its end."
        )
    return SeedScores(
        seed=seed,
        scores=tuple(float(row[metric]) for metric in metrics),
        seconds=row["time/seconds"],
        finished=directory.status()["updated"],
    )


def _listed(metrics: Sequence[str]) -> str:
    return " or no ".join(metrics)
