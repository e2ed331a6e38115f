"""The sides of a comparison: which runs a name means, what they scored, and under which protocol.

A score means something beside another only where both were taken alike. What has to agree is the metric, the budget and
its unit, the protocol that the target states, and the settings of environments and of judging.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.interventions import nursed_note
from lab.names import did_you_mean
from lab.stated import stated_of
from lab.store import RunDirectory, RunError, diverged, find_runs
from lab.verdict import row_at
from lab.words import count

_OF_THE_PROTOCOL = ("protocol", "evaluation")  # settings of a config
_SEEDS = re.compile(r"[;,]? *(?:mean over )?\d+ seeds\.?$")  # how many were asked for is no part of how each is scored


class SidesDifferError(ValueError):
    """Scores were taken under different protocols."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the runs is to be compared, where it is not what their target says."""

    metric: str | None = None  # as in metrics.jsonl: eval/return
    step: int | None = None  # in the trial's unit
    lower_is_better: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The runs of one side on one task."""

    task: str  # the experiment, or experiment/arm
    scores: Mapping[int, float]  # by seed, as they were logged
    lower_is_better: bool
    protocol: Mapping[str, str]  # what has to agree with the other sides', in words
    left_out: tuple[str, ...]  # runs without a score, and why


@dataclass(frozen=True)
class Side:
    """What stands on one side: the runs of each task."""

    name: str
    tasks: tuple[Scored, ...]


def sides_of(names: Sequence[str], folder: Path, asked: Asked = Asked()) -> list[Side]:
    """The sides that names mean: `EXPERIMENT`, `EXPERIMENT/ARM` or `EXPERIMENT/ADDRESS`; several tasks with commas
    between them. One experiment alone means its arms.

    Raises ValueError where a name means no runs or the runs of several settings, and SidesDifferError for scores of
    different protocols.
    """
    if len(names) == 1 and "/" not in names[0] and "," not in names[0]:
        arms = _groups(names[0], folder)
        if len(arms) < 2:
            raise ValueError(
                f"{names[0]} is one side, and there is nothing to compare it with. Name another, or an experiment "
                "with several arms."
            )
        sides = [Side(f"{names[0]}/{arm}", (_scored(f"{names[0]}/{arm}", runs, asked),)) for arm, runs in arms.items()]
    else:
        sides = [
            Side(name, tuple(_scored(part, _one_group(part, folder), asked) for part in name.split(",")))
            for name in names
        ]
    _check_alike(sides)
    return sides


def _groups(experiment: str, folder: Path) -> dict[str, list[RunDirectory]]:
    """The runs of an experiment by arm; by address where two settings have the same arm, or none."""
    every = find_runs(folder)
    found = [directory for directory in every if directory.path.parts[-3] == experiment]
    if not found:
        known = dict.fromkeys(directory.path.parts[-3] for directory in every)
        raise ValueError(f"There is no run of {experiment!r} under {folder}. {did_you_mean(experiment, known)}")
    by_address: dict[str, list[RunDirectory]] = {}
    for directory in found:
        by_address.setdefault(directory.path.parts[-2], []).append(directory)
    arms = {address: runs[0].variant for address, runs in by_address.items()}
    once = {arm for arm in arms.values() if arm and list(arms.values()).count(arm) == 1}
    return {arms[address] if arms[address] in once else address: runs for address, runs in by_address.items()}


def _one_group(name: str, folder: Path) -> list[RunDirectory]:
    experiment, _, part = name.strip().partition("/")
    groups = _groups(experiment, folder)
    near = {key: runs for key, runs in groups.items() if key == part} or {
        key: runs for key, runs in groups.items() if runs[0].path.parts[-2].startswith(part) or runs[0].variant == part
    }
    if not near:
        raise ValueError(f"{experiment} has no runs of {part!r} under {folder}. {did_you_mean(part, groups)}")
    if len(near) > 1:
        raise ValueError(
            f"{name} means runs of {len(near)} settings here. Name one: "
            f"{', '.join(f'{experiment}/{key}' for key in near)}."
        )
    return next(iter(near.values()))


def _scored(task: str, runs: Sequence[RunDirectory], asked: Asked) -> Scored:
    record = runs[0].record()
    stated = stated_of(record)
    metric = asked.metric or next(iter(stated.metrics), None)
    if metric is None:
        raise ValueError(
            f"{task} states neither a target nor how its arms are compared, so nothing says what it is to be compared "
            "by. Say it: --metric eval/..., one of "
            f"{', '.join(_judged_metrics(runs[0])) or 'those that it is judged by (none yet)'}."
        )
    step = asked.step
    if step is None:
        step = (stated.steps if metric in stated.metrics else None) or record["config"]["run"]["steps"]
    scores, left_out = {}, []
    for directory in runs:
        seed = int(directory.path.name.removeprefix("seed-"))
        try:
            scores[seed] = _score(directory, metric, step)
        except (ValueError, RunError) as error:
            left_out.append(f"{task}, seed {seed}: {error}")
    if not scores:
        known = {name for directory in runs for name in _judged_metrics(directory)}
        unknown = "" if metric in known else f" {did_you_mean(metric, known)}"
        fix = unknown or " Say --step N for another step, or go on with the runs."
        raise ValueError(f"No run of {task} has a score. {'; '.join(left_out)}.{fix}")
    lower = asked.lower_is_better
    if lower is None:
        lower = metric in stated.lower
    return Scored(
        task=task,
        scores=scores,
        lower_is_better=lower,
        protocol=_protocol(record, stated.protocol, metric, step, asked, runs[0].status()["unit"]),
        left_out=tuple(left_out),
    )


def _score(directory: RunDirectory, metric: str, step: int) -> float:
    """The value of the metric at the step. Raises ValueError that says why there is none."""
    status = directory.status()
    if diverged(status):
        raise ValueError("it diverged")
    if note := nursed_note(directory):
        raise ValueError(note)
    rows = directory.rows()
    if not any(metric in row for row in rows):
        raise ValueError(f"it was never judged by {metric}")
    row = row_at(rows, metric, step)
    if row is None:
        raise ValueError(f"it was not judged at {count(step)} (it is at {count(status['step'])})")
    return float(row[metric])


def _judged_metrics(directory: RunDirectory) -> list[str]:
    return sorted({key for row in directory.rows() for key in row if key.startswith("eval/")})


def _protocol(
    record: Mapping[str, Any], stated: str, metric: str, step: int, asked: Asked, unit: str
) -> dict[str, str]:
    settings = record["config"]
    protocol = {"metric": metric, "budget": f"{count(step)} {unit or record.get('unit', '')}".strip()}
    if asked.metric is None and asked.step is None:
        protocol["protocol"] = _SEEDS.sub("", stated) if stated else f"none stated, so that of {record['experiment']}"
    for name in _OF_THE_PROTOCOL:
        if isinstance(block := settings.get(name), dict):
            # A file counts by what is in it, not by where it lies.
            counted = {key: value for key, value in block.items() if f"{key}_sha256" not in block}
            protocol |= {f"{name}.{key}": str(value) for key, value in counted.items()}
    return protocol


def _check_alike(sides: Sequence[Side]) -> None:
    """Raises SidesDifferError where the sides' tasks were scored differently."""
    first, *others = sides
    for side in others:
        if len(side.tasks) != len(first.tasks):
            raise SidesDifferError(
                f"{first.name} has {len(first.tasks)} tasks, {side.name} {len(side.tasks)}. Name as many on each side, "
                "in the same order."
            )
        for ours, theirs in zip(first.tasks, side.tasks):
            apart = [
                f"{key} is {ours.protocol.get(key, 'not set')!r} and {theirs.protocol.get(key, 'not set')!r}"
                for key in dict.fromkeys([*ours.protocol, *theirs.protocol])
                if ours.protocol.get(key) != theirs.protocol.get(key)
            ]
            if ours.lower_is_better != theirs.lower_is_better:
                apart.append("of one lower scores are better, of the other higher ones")
            if apart:
                raise SidesDifferError(
                    f"{ours.task} and {theirs.task} were scored under different protocols, so their scores cannot be "
                    f"compared: {'; '.join(apart)}. Compare runs of one protocol; if both were judged at one step by "
                    "one metric, name these by --metric and --step."
                )
