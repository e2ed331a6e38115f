"""What the page says of each experiment, in words: a row of the table at a glance for each arm, and a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.experiment import Target
from lab.report.arms import Arm, Difference, Experiment, repeat_commands, seed_ranges
from lab.report.charts import strip
from lab.report.figures import Figure, further_figures, main_figures
from lab.report.judge import Result, bound_of, judge
from lab.report.media import Exhibit
from lab.report.records import Run
from lab.words import count, duration, listed, moment, number, parse_time, plain

STATISTIC_SAID = {"iqm": "IQM", "mean": "mean"}
LONGEST_ERROR = 4000  # characters of an error's end that are shown


@dataclass(frozen=True, kw_only=True)
class Row:
    """An arm in the table at a glance."""

    experiment: str
    anchor: str
    arm: str
    metric: str
    published: str
    target: str
    each_seed: str
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


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A run in an experiment's table of runs."""

    arm: str
    seed: int
    state: str
    steps: str
    score: str
    time: str
    speed: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that went wrong, or that is not there: told, with the error's own words if there are any."""

    what: str
    error: str
    is_failure: bool


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A target in words, and the arms it holds for."""

    arms: str
    target: str
    statistic: str
    protocol: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """Everything about one experiment."""

    name: str
    anchor: str
    summary: str
    rows: tuple[Row, ...]
    figures: tuple[Figure, ...]
    further: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    exhibits: tuple[Exhibit, ...]
    troubles: tuple[Trouble, ...]
    notes: tuple[str, ...]
    seeds: tuple[Seed, ...]
    protocols: tuple[Protocol, ...]
    commands: tuple[str, ...]


def section(experiment: Experiment, exhibits: Sequence[Exhibit], number_on_page: int) -> Section:
    results = [judge(arm) for arm in experiment.arms]
    figures = main_figures(experiment)
    anchor = f"experiment-{number_on_page}"
    commands = [line for arm in experiment.arms for line in repeat_commands(experiment, arm)]
    return Section(
        name=experiment.name,
        anchor=anchor,
        summary=experiment.summary,
        rows=tuple(_row(experiment, anchor, arm, result) for arm, result in zip(experiment.arms, results)),
        figures=tuple(figures),
        further=tuple(further_figures(experiment, figures)),
        differences=experiment.differences,
        exhibits=tuple(exhibits),
        troubles=tuple(trouble for arm in experiment.arms for trouble in _troubles(arm)),
        notes=tuple(note for arm in experiment.arms for run in arm.runs for note in _notes(run)),
        seeds=tuple(_seed(arm, run, result) for arm, result in zip(experiment.arms, results) for run in arm.runs),
        protocols=_protocols(experiment),
        commands=tuple(dict.fromkeys(commands)),
    )


def _row(experiment: Experiment, anchor: str, arm: Arm, result: Result) -> Row:
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
        target=_bound_said(target) if target else "none",
        each_seed=_each_seed_said(target) if target else "",
        centre="—" if result.centre is None else number(result.centre),
        interval=_interval_said(result),
        taken=_taken(arm, result),
        strip=drawing,
        seeds=f"{len(result.scores)} of {target.seeds}" if target else str(len(result.scores)),
        trouble=_states_said(arm),
        steps=_range_said([run.last_step for run in arm.runs]),
        unit=arm.unit,
        time=_time_said(arm),
        verdict=result.verdict,
        reasons=result.reasons,
    )


def _bound_said(target: Target) -> str:
    return f"{'≥' if target.at_least is not None else '≤'} {plain(bound_of(target))}"


def _each_seed_said(target: Target) -> str:
    return "" if target.each_seed_at_least is None else f"each seed ≥ {plain(target.each_seed_at_least)}"


def _interval_said(result: Result) -> str:
    if result.interval is None:
        return "one seed: no interval" if len(result.scores) == 1 else ""
    return f"[{number(result.interval.low)}, {number(result.interval.high)}]"


def _taken(arm: Arm, result: Result) -> str:
    steps = [score.step for score in result.scores.values()]
    if not steps or (arm.target and set(steps) == {arm.target.steps}):
        return ""
    return f"at {_range_said(steps)}"


def _range_said(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return count(low) if low == high else f"{count(low)}–{count(high)}"


def _states_said(arm: Arm) -> str:
    states = [run.status.state for run in arm.runs]
    said = [f"{states.count(state)} {state}" for state in ("failed", "interrupted", "running") if state in states]
    if "unknown" in states:
        said.append(f"{states.count('unknown')} of unknown state")
    return ", ".join(said)


def _time_said(arm: Arm) -> str:
    seconds = [run.seconds for run in arm.runs if run.seconds]
    if not seconds:
        return "—"
    return duration(float(np.median(seconds))) + (" a seed" if len(seconds) > 1 else "")


def _seed(arm: Arm, run: Run, result: Result) -> Seed:
    score = result.scores.get(run.seed)
    steps = count(run.last_step)
    if run.status.budget and run.status.budget != run.last_step:
        steps += f" of {count(run.status.budget)}"
    return Seed(
        arm=arm.label,
        seed=run.seed,
        state=run.status.state,
        steps=steps,
        score="—" if score is None else number(score.value),
        time=duration(run.seconds) if run.seconds else "—",
        speed=number(run.last_step / run.seconds) if run.seconds else "—",
        place=run.place,
    )


def _troubles(arm: Arm) -> list[Trouble]:
    """Runs that did not end well, and seeds that are not there, most serious first."""
    of_arm = f" of {arm.label}" if arm.label else ""
    found = []
    for run in arm.runs:
        state, budget = run.status.state, run.status.budget
        at = count(run.last_step) + (f" of {count(budget)}" if budget else "") + f" {run.unit}"
        if state == "failed":
            found.append(Trouble(what=f"Seed {run.seed}{of_arm} failed at {at}.", error=_end(run), is_failure=True))
        elif state == "interrupted":
            what = f"Seed {run.seed}{of_arm} was interrupted at {at}. The command below goes on from its checkpoint."
            found.append(Trouble(what=what, error=_end(run), is_failure=False))
        elif state == "running":
            time = parse_time(run.status.updated)
            when = f", last heard of on {moment(time)}" if time else ""
            what = f"Seed {run.seed}{of_arm} was still running at {at}{when}."
            found.append(Trouble(what=what, error="", is_failure=False))
    if arm.missing_seeds:
        plural = "s" if len(arm.missing_seeds) > 1 else ""
        verb = "have" if plural else "has"
        what = f"Seed{plural} {seed_ranges(arm.missing_seeds)}{of_arm} {verb} not run: the target asks for"
        found.append(Trouble(what=f"{what} {arm.target.seeds if arm.target else 0} seeds.", error="", is_failure=False))
    return sorted(found, key=lambda trouble: not trouble.is_failure)


def _end(run: Run) -> str:
    """The error's words; of a very long one its end, where the cause stands."""
    error = run.status.error.strip()
    if len(error) <= LONGEST_ERROR:
        return error
    left_out = len(error) - LONGEST_ERROR
    return f"… ({count(left_out)} characters left out; status.json holds them)\n{error[-LONGEST_ERROR:]}"


def _notes(run: Run) -> list[str]:
    return [f"{run.place}: {problem}" for problem in run.problems]


def _protocols(experiment: Experiment) -> tuple[Protocol, ...]:
    """Each different target once, with the arms it holds for."""
    arms: dict[Target, list[str]] = {}
    for arm in experiment.arms:
        for target in arm.targets:
            arms.setdefault(target, []).append(arm.label)
    return tuple(
        Protocol(
            arms=listed([label for label in labels if label]),
            target=", ".join(filter(None, [f"{target.metric} {_bound_said(target)}", _each_seed_said(target)])),
            statistic=f"{STATISTIC_SAID[target.statistic]} over {target.seeds} seeds "
            f"at {count(target.steps)} {experiment.arms[0].unit}",
            protocol=target.protocol,
            source=target.source,
        )
        for target, labels in arms.items()
    )
