"""What the page says of each experiment, in words: a row of the table at a glance for each arm, and a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.experiment import Target
from lab.report.arms import Arm, Experiment, commands, seed_ranges
from lab.report.comparison import Compared, compared, shared
from lab.report.figures import Figure, further_figures, main_figures
from lab.report.glance import Row, bound_said, further_said, glance, row
from lab.report.judge import Result, judge
from lab.report.media import Exhibit
from lab.report.overview import cost
from lab.report.records import Run
from lab.report.search_figures import SearchFigure, search_figure
from lab.store import DIVERGED
from lab.words import count, duration, energy, listed, moment, number, parse_time, range_said

STATISTIC_SAID = {"iqm": "IQM", "mean": "mean"}
LONGEST_ERROR = 4000  # characters of an error's end that are shown


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
    energy: str
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
    glance: tuple[Row, ...]  # in the table at a glance
    rows: tuple[Row, ...]  # one an arm
    compared: tuple[Compared, ...]  # one an arm, too
    usual: tuple[tuple[str, str], ...]  # what most arms share of the settings that differ
    figures: tuple[Figure, ...]
    further: tuple[Figure, ...]
    searches: tuple[SearchFigure, ...]
    exhibits: tuple[Exhibit, ...]
    troubles: tuple[Trouble, ...]
    notes: tuple[str, ...]
    cost: tuple[str, ...]  # of all its runs, in words
    seeds: tuple[Seed, ...]
    protocols: tuple[Protocol, ...]
    commands: tuple[str, ...]

    @property
    def tells_energy(self) -> bool:
        """Whether any of the runs has read its energy."""
        return any(seed.energy != "—" for seed in self.seeds)


def section(experiment: Experiment, exhibits: Sequence[Exhibit], unread: Sequence[str], number_on_page: int) -> Section:
    """The section of an experiment; `unread` says which of its searches could not be read, and why."""
    results = [judge(arm) for arm in experiment.arms]
    figures = main_figures(experiment)
    anchor = f"experiment-{number_on_page}"
    rows = tuple(row(experiment, anchor, arm, result) for arm, result in zip(experiment.arms, results))
    return Section(
        name=experiment.name,
        anchor=anchor,
        summary=experiment.summary,
        glance=glance(experiment, rows, results),
        rows=rows,
        compared=tuple(compared(experiment, results)),
        usual=tuple(shared(experiment.differences).items()),
        figures=tuple(figures),
        further=tuple(further_figures(experiment, figures)),
        searches=tuple(
            search_figure(each, f"{anchor}-search-{i}") for i, each in enumerate(experiment.searches, start=1)
        ),
        exhibits=tuple(exhibits),
        troubles=tuple(trouble for arm in experiment.arms for trouble in _troubles(arm)),
        notes=(*(note for run in experiment.runs for note in _notes(run)), *unread),
        cost=cost(experiment.runs),
        seeds=tuple(_seed(arm, run, result) for arm, result in zip(experiment.arms, results) for run in arm.runs),
        protocols=_protocols(experiment),
        commands=tuple(commands(experiment)),
    )


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
        energy=", ".join(f"{energy(spent)} ({device})" for device, spent in run.status.joules.items()) or "—",
        place=run.place,
    )


def _troubles(arm: Arm) -> list[Trouble]:
    """Runs that did not end well, and seeds that are not there, most serious first."""
    of_arm = f" of {arm.label}" if arm.label else ""
    found = []
    for run in arm.runs:
        state, budget = run.status.state, run.status.budget
        if run.nursed:
            changes = "; ".join(
                f"from {count(each.step)} on {each.said}" + (f" ({each.why})" if each.why else "")
                for each in run.nursed
            )
            what = f"Seed {run.seed} was nursed, so it is no run of its settings and counts for none: {changes}."
            found.append(Trouble(what=what, error="", is_failure=False))
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
    found += _divergence(arm)
    return sorted(found, key=lambda trouble: not trouble.is_failure)


def _divergence(arm: Arm) -> list[Trouble]:
    """The seeds that diverged, together: with these settings that is what comes out, and no accident."""
    diverged = [run for run in arm.runs if run.status.state == "diverged"]
    if not diverged:
        return []
    who = f"Seed{'s' if len(diverged) > 1 else ''} {seed_ranges([run.seed for run in diverged])}"
    who += f" of {arm.label}" if arm.label else ""
    at = range_said([run.last_step for run in diverged])
    budgets = {run.status.budget for run in diverged if run.status.budget}
    of = f" of {count(budgets.pop())}" if len(budgets) == 1 else ""
    what = f"{who} diverged at {at}{of} {arm.unit}, and so came to no score. That is a result of these settings."
    return [Trouble(what=what, error=_end(diverged[0]), is_failure=False)]


def _end(run: Run) -> str:
    """The error's words; of a very long one its end, where the cause stands."""
    error = run.status.error.removeprefix(DIVERGED).strip()
    if len(error) <= LONGEST_ERROR:
        return error
    left_out = len(error) - LONGEST_ERROR
    return f"… ({count(left_out)} characters left out; status.json holds them)\n{error[-LONGEST_ERROR:]}"


def _notes(run: Run) -> list[str]:
    if run.status.state == "diverged" and not run.curves:
        return []  # there was nothing to log before, and that it diverged is told
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
            target=", ".join(filter(None, [f"{target.metric} {bound_said(target)}", further_said(target)])),
            statistic=f"{STATISTIC_SAID[target.statistic]} over {target.seeds} seeds "
            f"at {count(target.steps)} {experiment.arms[0].unit}",
            protocol=target.protocol,
            source=target.source,
        )
        for target, labels in arms.items()
    )
