"""Sorts runs into experiments and their arms: the seeds of one configuration; and names what differs between arms."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lab.config import flatten
from lab.experiment import Target
from lab.report.gather import gather
from lab.report.records import Run, StatisticName
from lab.report.searches import Search, gather_searches

_SEEDS = re.compile(r"--seeds \d+(?!\S)")
_VARIANT = re.compile(r"(?<=--variant )('[^']*'|\S+)")


@dataclass(frozen=True)
class Arm:
    """One configuration of an experiment and its seeds, ascending."""

    label: str  # tells it from the experiment's other arms; nothing where it is the only one
    runs: tuple[Run, ...]
    metric: str  # what it is judged by
    statistic: StatisticName

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets its runs state: one, or none; several where the code changed between the seeds."""
        return tuple(dict.fromkeys(run.target for run in self.runs if run.target is not None))

    @property
    def target(self) -> Target | None:
        return self.targets[0] if self.targets else None

    @property
    def unit(self) -> str:
        return self.runs[0].unit

    @property
    def missing_seeds(self) -> tuple[int, ...]:
        """The seeds of the target's protocol, counted from 0, that left no directory.

        Where the seeds that ran are numbered differently, nobody can say which ones are missing: then none.
        """
        present = {run.seed for run in self.runs}
        expected = set(range(self.target.seeds)) if self.target else set()
        return tuple(sorted(expected - present)) if present <= expected else ()


@dataclass(frozen=True)
class Difference:
    """A setting that is not the same in all arms, with each arm's value as text."""

    setting: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """All that ran of one experiment."""

    name: str
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    searches: tuple[Search, ...] = ()
    candidates: tuple[Run, ...] = ()  # runs of searches that are no arms: their section shows what came of them

    @property
    def summary(self) -> str:
        return next((run.summary for run in self.runs if run.summary), "")

    @property
    def runs(self) -> tuple[Run, ...]:
        """All of them, those of the arms first."""
        return (*(run for arm in self.arms for run in arm.runs), *self.candidates)


def read_experiments(runs_dir: Path, names: Sequence[str] | None) -> tuple[list[Experiment], dict[str, list[str]]]:
    """The experiments below `runs_dir`, the named ones or all; and by name what of their searches could not be read.

    Raises ValueError where `runs_dir` is no folder or a named experiment has no run.
    """
    runs = gather(runs_dir, names)
    searches = {name: gather_searches(runs_dir, name) for name in {run.experiment for run in runs}}
    found = sort_into_experiments(runs, {name: read for name, (read, _) in searches.items()})
    return found, {name: unread for name, (_, unread) in searches.items()}


def sort_into_experiments(
    runs: Sequence[Run], searches: Mapping[str, Sequence[Search]] = MappingProxyType({})
) -> list[Experiment]:
    """Experiments by name; their arms by variant. `runs` is ordered by experiment, address and seed.

    A run that was nursed is an arm of its own, which stands for nothing but itself. A configuration
    that only a search of the experiment tried is no arm; the best of the searches is one where there would be none.
    """
    experiments = []
    for name, of_experiment in groupby(runs, key=lambda run: run.experiment):
        # Sorting keeps the order among equals: at each address the runs that were left alone, then each other one.
        sorted_by = sorted(of_experiment, key=_alone)
        groups = [tuple(group) for _, group in groupby(sorted_by, key=_alone)]
        groups.sort(key=lambda group: (_by_numbers(group[0].variant), group[0].address))
        groups, candidates = _apart(groups, searches.get(name, ()))
        differences = config_differences([flatten(dict(group[0].config)) for group in groups])
        labels = _labels(groups, differences)
        targets = [run.target for group in groups for run in group if run.target is not None]
        metric = _first_metric([run for group in groups for run in group])
        arms = [_arm(label, group, targets, metric) for label, group in zip(labels, groups)]
        experiments.append(Experiment(name, tuple(arms), differences, tuple(searches.get(name, ())), candidates))
    return experiments


def _apart(groups: list[tuple[Run, ...]], searches: Sequence[Search]) -> tuple[list[tuple[Run, ...]], tuple[Run, ...]]:
    """The groups of runs that stand for themselves, and the runs of those that only a search tried."""
    tried: dict[str, set[int]] = {}  # by address: the seeds that searches ran
    for each in searches:
        for candidate in each.candidates:
            tried.setdefault(candidate.address, set()).update(each.seeds)
    only = [group for group in groups if {run.seed for run in group} <= tried.get(group[0].address, set())]
    if len(only) == len(groups):
        best = {each.best.address for each in searches if each.best is not None}
        only = [group for group in only if group[0].address not in best] if best else []
        only = only if len(only) < len(groups) else []
    candidates = tuple(run for group in only for run in group)
    return [group for group in groups if group not in only], candidates


def _alone(run: Run) -> tuple[str, int]:
    """What the runs of one arm share: the address, and a seed if it is one that was nursed."""
    return run.address, run.seed if run.nursed else -1


def _by_numbers(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts names by the numbers in them: 8 before 64, and both before letters."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]


def _arm(label: str, runs: tuple[Run, ...], targets: Sequence[Target], metric: str) -> Arm:
    """The arm, judged by its own target's metric; where it has none by another arm's, or else by `metric`."""
    target = next((run.target for run in runs if run.target is not None), targets[0] if targets else None)
    if target is None:
        return Arm(label, runs, metric, "mean")
    return Arm(label, runs, target.metric, target.statistic)


def config_differences(configs: Sequence[dict[str, Any]]) -> tuple[Difference, ...]:
    """The settings, by dotted name, in which flattened configs differ; a setting one of them lacks is shown as —."""
    names = list(dict.fromkeys(name for config in configs for name in config))
    rows = [Difference(name, tuple(_said(config, name) for config in configs)) for name in names]
    return tuple(row for row in rows if len(set(row.values)) > 1)


def _said(config: dict[str, Any], name: str) -> str:
    if name not in config:
        return "—"
    value = config[name]
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return "(" + ", ".join(_said({"": item}, "") for item in value) + ")"
    return str(value)


def _labels(groups: Sequence[tuple[Run, ...]], differences: Sequence[Difference]) -> list[str]:
    """A short name for each arm: its variant; else what differs, where that is short; else its address."""
    if len(groups) == 1:
        return [_nursed(groups[0], groups[0][0].variant)]
    labels = []
    for i, group in enumerate(groups):
        settings = ", ".join(f"{d.setting.rpartition('.')[2]} {d.values[i]}" for d in differences)
        label = group[0].variant or (settings if 0 < len(settings) <= 40 else group[0].address)
        labels.append(_nursed(group, label))
    return [
        label if labels.count(label) == 1 else f"{label} ({group[0].address})" for label, group in zip(labels, groups)
    ]


def _nursed(group: tuple[Run, ...], label: str) -> str:
    return f"{label} nursed, seed {group[0].seed}".strip() if group[0].nursed else label


def _first_metric(runs: Sequence[Run]) -> str:
    """What to show of an experiment without a target: an evaluation metric, else the training loss, else nothing.

    Of several a score rather than a loss, and one of the test set rather than another's, the first that was logged.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.curves if not name.startswith("time/")))
    judged = [name for name in names if name.startswith("eval/")]
    judged.sort(key=lambda name: (name.endswith("loss"), "test" not in name))
    return next(iter(judged), "train/loss" if "train/loss" in names else "")


def commands(experiment: Experiment) -> list[str]:
    """The command lines that repeat an experiment; those that differ in the variant only are one."""
    variants: dict[str, list[str]] = {}
    for arm in experiment.arms:
        for line in repeat_commands(experiment, arm):
            found = _VARIANT.search(line)
            variants.setdefault(_VARIANT.sub("{}", line, count=1), []).extend([found[0]] if found else [])
    return [line.replace("{}", " ".join(dict.fromkeys(names)), 1) for line, names in variants.items()]


def repeat_commands(experiment: Experiment, arm: Arm) -> list[str]:
    """The command lines that repeat an arm, as its runs say them."""
    told: dict[str, list[int]] = {}
    if arm.runs[0].nursed:
        return [shlex.join(["lab", "rerun", arm.runs[0].place])]
    for run in arm.runs:
        if run.command:
            told.setdefault(_SEEDS.sub("--seeds {}", run.command, count=1), []).append(run.seed)
    return [line.replace("{}", seed_ranges(seeds), 1) for line, seeds in told.items()]


def seed_ranges(seeds: Sequence[int]) -> str:
    """Ascending seeds in the words of the command line: [0, 1, 2, 5] is '0-2,5'."""
    spans: list[list[int]] = []
    for seed in seeds:
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
