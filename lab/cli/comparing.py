"""`lab compare`: how runs stand to each other, and whether the seeds there are can tell."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.cli import UsageError
from lab.cli.arguments import Parser, table
from lab.experiment import load
from lab.sides import Asked, Scored, Side, sides_of
from lab.statistics import Interval
from lab.store import runs_folder
from lab.task_statistics import (
    RESAMPLES,
    Aggregate,
    Standing,
    Tasks,
    aggregate_interval,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
    standing,
)

THRESHOLDS = tuple(i / 20 for i in range(-1, 41))  # of a performance profile: -0.05 to 2

ABOUT = """Compare scores over seeds: aggregates with intervals, and how likely each side is better than the first.

A side is EXPERIMENT, EXPERIMENT/ARM or EXPERIMENT/ADDRESS; an experiment alone means its arms. Several tasks of a side
stand with commas between them, and then --zero and --one say of each which score counts as 0 and which as 1:

  lab compare dqn_cartpole sb3_dqn_cartpole
  lab compare few_labels/scratch-500 few_labels/all-500 --metric eval/test_accuracy
  lab compare a_pong,a_breakout b_pong,b_breakout --zero -20.7 1.7 --one 14.6 30.5

Scores are those of the targets, at their budgets. Scores of different protocols are refused.

--record keeps, for an experiment that says how its arms are compared (COMPARED), what all of them scored with its own
settings: results/compared/NAME.json, and a table of RESULTS.md."""


@dataclass(frozen=True)
class Comparison:
    """All that is said of the sides, the first of which the others are held against."""

    sides: list[Side]
    aggregates: list[dict[str, Interval]]  # of each side
    standings: list[Standing]  # of each side but the first
    profiles: list[list[float]] | None  # of each side, the share of runs above each threshold; of scaled scores only
    confidence: float  # of each standing: all of them hold together at 95 %


def compare_command(words: list[str]) -> int:
    """`lab compare A B ...`."""
    parser = Parser("compare", ABOUT)
    parser.add_argument(
        "sides", nargs="+", metavar="SIDE", help="what to compare; the others are held against the first"
    )
    parser.add_asked()
    parser.add_argument(
        "--zero", nargs="+", type=float, metavar="SCORE", help="of each task, the score that counts as 0"
    )
    parser.add_argument(
        "--one", nargs="+", type=float, metavar="SCORE", help="of each task, the score that counts as 1"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (default: 0)")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=f"default: {RESAMPLES:,}")
    parser.add_argument("--record", action="store_true", help="keep the comparison of an experiment's arms")
    parser.add_repository()
    parser.add_runs_dir()
    parser.add_json()
    given = parser.parse_args(words)
    if given.record:
        for name in ("metric", "step", "lower_is_better", "zero", "one", "json"):
            if getattr(given, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} is not taken beside --record, which keeps what the experiment says "
                    "its arms are compared by. Leave it out."
                )
        return _record(given.sides, runs_folder(given.runs_dir), given.repository)
    if given.resamples < 100:
        raise UsageError(
            f"--resamples is {given.resamples}, which is no sample of an interval's ends. Take 100 or more."
        )
    asked = Asked(metric=given.metric, step=given.step, lower_is_better=given.lower_is_better)
    sides = sides_of(given.sides, runs_folder(given.runs_dir), asked)
    scales = _scales(given.zero, given.one, len(sides[0].tasks))
    found = compared(sides, scales, given.resamples, given.seed)
    print(json.dumps(_as_json(found), indent=1) if given.json else _said(found, scales is not None))
    return 0


def _record(names: Sequence[str], runs: Path, folder: str | None) -> int:
    """Keeps what all arms of each experiment scored."""
    # Here, as it imports torch, which comparing has no use for.
    from lab.results import comparison_of, repository, write_comparison, write_page

    root = repository(folder)
    for name in names:
        print(f"recorded: {write_comparison(root, comparison_of(load(name), runs))}")
    print(write_page(root))
    return 0


def _scales(
    zeros: Sequence[float] | None, ones: Sequence[float] | None, tasks: int
) -> list[tuple[float, float]] | None:
    if zeros is None and ones is None:
        if tasks > 1:
            raise UsageError(
                f"There are {tasks} tasks, whose scores have scales of their own. Say of each which score counts as 0 "
                "and which as 1, such as a random policy's and a published one's: --zero -20.7 1.7 --one 14.6 30.5."
            )
        return None
    zeros, ones = zeros or [0.0] * tasks, ones or [1.0] * tasks
    for name, given in (("--zero", zeros), ("--one", ones)):
        if len(given) != tasks:
            raise UsageError(f"{name} has {len(given)} scores for {tasks} tasks. Give one for each, in their order.")
    for zero, one in zip(zeros, ones):
        if zero == one or not math.isfinite(zero - one):
            raise UsageError(f"A scale from {zero:g} to {one:g} has no length. Give --zero and --one that lie apart.")
    return list(zip(zeros, ones))


def compared(
    sides: Sequence[Side],
    scales: Sequence[tuple[float, float]] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Holds the sides against the first. Where all runs of two sides pair by seed, they are drawn by pairs."""
    aggregates: dict[str, Aggregate] = {"IQM": iqm, "median": median, "mean": mean}
    if scales is not None:
        aggregates["optimality gap"] = optimality_gap
    confidence = 1 - 0.05 / max(1, len(sides) - 1)  # Bonferroni: so that all comparisons hold at once
    first = sides[0]
    summed = []
    for side in sides:
        tasks = _scaled(side.tasks, scales)
        summed.append({
            name: aggregate_interval(tasks, aggregate, resamples=resamples, seed=seed)
            for name, aggregate in aggregates.items()
        })  # fmt: skip
    standings = []
    for side in sides[1:]:
        paired = all(set(ours.scores) == set(theirs.scores) for ours, theirs in zip(side.tasks, first.tasks))
        standings.append(
            standing(
                _scaled(side.tasks, scales), _scaled(first.tasks, scales),
                paired=paired, confidence=confidence, resamples=resamples, seed=seed,
            )
        )  # fmt: skip
    profiles = None
    if scales is not None:
        profiles = [performance_profile(_scaled(side.tasks, scales), THRESHOLDS).tolist() for side in sides]
    return Comparison(list(sides), summed, standings, profiles, confidence)


def _scaled(tasks: Sequence[Scored], scales: Sequence[tuple[float, float]] | None) -> Tasks:
    """Scores in the order of seeds, turned so that higher is better where they are not scaled."""
    found = []
    for number, task in enumerate(tasks):
        scores = np.array([task.scores[seed] for seed in sorted(task.scores)])
        if scales is not None:
            zero, one = scales[number]
            found.append((scores - zero) / (one - zero))
        else:
            found.append(-scores if task.lower_is_better else scores)
    return found


def _as_json(found: Comparison) -> dict[str, Any]:
    first = found.sides[0]
    sides = []
    for number, (side, aggregates) in enumerate(zip(found.sides, found.aggregates)):
        item: dict[str, Any] = {
            "name": side.name,
            "tasks": [
                {
                    "task": task.task,
                    "scores": {str(seed): score for seed, score in task.scores.items()},
                    "left_out": task.left_out,
                }
                for task in side.tasks
            ],
            "aggregates": {name: _finite(asdict(interval)) for name, interval in aggregates.items()},
        }
        if found.profiles is not None:
            item["profile"] = {"thresholds": THRESHOLDS, "share": found.profiles[number]}
        if number:
            standing = found.standings[number - 1]
            item["over_the_first"] = {
                "difference": _finite(asdict(standing.difference)),
                "probability_of_improvement": _finite(asdict(standing.improvement)),
                "paired": standing.paired, "settled": standing.settled, "more_runs": standing.more_runs,
            }  # fmt: skip
        sides.append(item)
    lower = first.tasks[0].lower_is_better
    return {"protocol": [dict(task.protocol) for task in first.tasks], "lower_is_better": lower, "sides": sides}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no word for infinity."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }


def _said(found: Comparison, scaled: bool) -> str:
    first = found.sides[0].tasks[0]
    turned = -1.0 if first.lower_is_better and not scaled else 1.0
    names = list(found.aggregates[0])
    rows = []
    for side, aggregates in zip(found.sides, found.aggregates):
        seeds = sorted({len(task.scores) for task in side.tasks})
        rows.append([side.name, "-".join(map(str, seeds)), *(_between(aggregates[name], turned) for name in names)])
    better = "lower is better" if first.lower_is_better else "higher is better"
    lines = [f"{first.protocol['metric']} at {first.protocol['budget']}; {better}"]
    if scaled:
        lines = [f"{len(found.sides[0].tasks)} task(s), scaled by --zero and --one; higher is better"]
    if "protocol" in first.protocol and not scaled:
        lines.append(f"protocol: {first.protocol['protocol']}")
    lines += ["", table(["", "seeds", *names], rows), ""]
    lines += [
        _standing_said(side, found.sides[0], each, turned) for side, each in zip(found.sides[1:], found.standings)
    ]
    if len(found.standings) > 1:
        lines.append(
            f"{len(found.standings)} comparisons: each at {found.confidence:.1%}, so that all of them hold at 95 %."
        )
    lines += [f"left out: {reason}" for side in found.sides for task in side.tasks for reason in task.left_out]
    return "\n".join(lines)


def _between(interval: Interval, turned: float) -> str:
    """`turned` is -1 where scores were turned so that higher is better."""
    low, high = sorted((turned * interval.low, turned * interval.high))
    ends = f" [{low:.4g}, {high:.4g}]" if math.isfinite(low) else ""
    return f"{turned * interval.estimate:.4g}{ends}"


def _standing_said(side: Side, first: Side, found: Standing, turned: float) -> str:
    by = "paired by seed" if found.paired else "unpaired"
    likely = f"{found.improvement.estimate:.2f} [{found.improvement.low:.2f}, {found.improvement.high:.2f}]"
    said = f"{side.name} is better than {first.name} with probability {likely}; "
    said += f"its IQM less the other's is {_between(found.difference, turned)} ({by}): "
    if found.settled:
        return said + f"settled, {'better' if found.difference.low > 0 else 'worse'}."
    if found.more_runs is None:
        return (
            said
            + "not settled"
            + (
                "; the two do not differ."
                if found.difference.estimate == 0
                else "; one run tells nothing of the spread."
            )
        )
    return said + f"not settled; about {found.more_runs} more seeds a side would settle a difference of this size."
