"""The table at a glance: a row for each arm that stands for itself, and one for arms that are only to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.experiment import Target
from lab.report.arms import Arm, Experiment
from lab.report.judge import Result, bound_of
from lab.report.records import Run
from lab.report.strips import strip
from lab.words import duration, number, plain, range_said

MOST_ARMS = 3  # of an experiment without a target, that each get a row


@dataclass(frozen=True, kw_only=True)
class Row:
    """An arm in the table, or several that no target is for."""

    experiment: str
    anchor: str
    arm: str
    metric: str
    published: str
    target: str
    further: str
    centre: str
    interval: str
    taken: str  # at which steps, where that is not the target's budget
    strip: Markup
    seeds: str
    trouble: str  # seeds that failed, stopped or still run
    steps: str
    unit: str
    time: str
    verdict: str
    reasons: tuple[str, ...]


def glance(experiment: Experiment, rows: Sequence[Row], results: Sequence[Result]) -> tuple[Row, ...]:
    """The experiment's rows in the table: one for all its arms where they are many and none is held to a target."""
    if len(rows) <= MOST_ARMS or any(arm.target for arm in experiment.arms):
        return tuple(rows)
    centres = [result.centre for result in results if result.centre is not None]
    seeds = [len(result.scores) for result in results]
    return (
        Row(
            experiment=experiment.name,
            anchor=rows[0].anchor,
            arm=f"{len(rows)} arms",
            metric=rows[0].metric,
            published="—",
            target="none",
            further="",
            centre=f"{number(min(centres))} to {number(max(centres))}" if centres else "—",
            interval="",
            taken="",
            strip=strip(centres, None, float(np.median(centres)), None, what="Arms") if centres else Markup(""),
            seeds=f"{range_said(seeds)} an arm",
            trouble=_states_said([run for arm in experiment.arms for run in arm.runs]),
            steps=range_said([run.last_step for arm in experiment.arms for run in arm.runs]),
            unit=rows[0].unit,
            time=_time_said([run for arm in experiment.arms for run in arm.runs]),
            verdict="compared",
            reasons=(),
        ),
    )


def row(experiment: Experiment, anchor: str, arm: Arm, result: Result) -> Row:
    """An arm's row."""
    target = arm.target
    values = [score.value for score in result.scores.values()]
    ends = (result.interval.low, result.interval.high) if result.interval else None
    drawing = Markup("")
    if result.centre is not None:
        drawing = strip(values, ends, result.centre, bound_of(target) if target else None)
    return Row(
        experiment=experiment.name,
        anchor=anchor,
        arm=arm.label,
        metric=arm.metric,
        published=plain(target.published) if target and target.published is not None else "—",
        target=bound_said(target) if target else "none",
        further=further_said(target) if target else "",
        centre="—" if result.centre is None else number(result.centre),
        interval=_interval_said(result),
        taken=_taken(arm, result),
        strip=drawing,
        seeds=f"{len(result.scores)} of {target.seeds}" if target else str(len(result.scores)),
        trouble=_states_said(arm.runs),
        steps=range_said([run.last_step for run in arm.runs]),
        unit=arm.unit,
        time=_time_said(arm.runs),
        verdict=result.verdict,
        reasons=result.reasons,
    )


def bound_said(target: Target) -> str:
    return f"{'≥' if target.at_least is not None else '≤'} {plain(bound_of(target))}"


def further_said(target: Target) -> str:
    """What else must hold: a bound on each seed, and those of further metrics."""
    each = [] if target.each_seed_at_least is None else [f"each seed ≥ {plain(target.each_seed_at_least)}"]
    return "; ".join(each + [f"{bound.metric} {bound.said}" for bound in target.beside])


def _interval_said(result: Result) -> str:
    if result.interval is None:
        return "one seed: no interval" if len(result.scores) == 1 else ""
    return f"[{number(result.interval.low)}, {number(result.interval.high)}]"


def _taken(arm: Arm, result: Result) -> str:
    steps = [score.step for score in result.scores.values()]
    if not steps or (arm.target and set(steps) == {arm.target.steps}):
        return ""
    return f"at {range_said(steps)}"


def _states_said(runs: Sequence[Run]) -> str:
    states = [run.status.state for run in runs]
    order = ("diverged", "failed", "interrupted", "running")
    said = [f"{states.count(state)} {state}" for state in order if state in states]
    if "unknown" in states:
        said.append(f"{states.count('unknown')} of unknown state")
    return ", ".join(said)


def _time_said(runs: Sequence[Run]) -> str:
    seconds = [run.seconds for run in runs if run.seconds]
    if not seconds:
        return "—"
    return duration(float(np.median(seconds))) + (" a seed" if len(seconds) > 1 else "")
