"""What the page says, as plain blocks for a report in W&B, which draws the curves itself from the runs it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lab.report.arms import Experiment, read_experiments
from lab.report.glance import Row
from lab.report.overview import overview
from lab.report.search_figures import SearchFigure
from lab.report.sections import Section, section
from lab.tracking.mirror import uploaded_id
from lab.tracking.workspace import Block, Command, Heading, Panels, Passage, Plot, RunSet
from lab.words import count, moment


@dataclass(frozen=True)
class Outline:
    """A report: title, one sentence about it, and what stands in it from top to bottom."""

    title: str
    summary: str
    blocks: tuple[Block, ...]
    unseen: int  # runs that W&B does not have, and so does not draw


def outline(runs_dir: Path, experiments: Sequence[str] | None, now: datetime) -> Outline:
    """The content of the page about the runs below `runs_dir`. Raises ValueError as `write_report` does."""
    found, unread = read_experiments(runs_dir, experiments)
    sections = [section(each, (), unread[each.name], number) for number, each in enumerate(found, start=1)]
    head, runs = overview(found), [run for each in found for arm in each.arms for run in arm.runs]
    unseen = sum(uploaded_id(runs_dir / run.place) is None for run in runs)
    blocks: list[Block] = [Passage("\n\n".join([head.lead, *_facts(head.facts), *_unseen(unseen, len(runs))]))]
    rows = [row for each in sections for row in each.glance]
    if rows:
        blocks += [Heading(1, "At a glance"), Passage(f"{_glance(rows)}\n\n{_SMALL_PRINT}")]
    for experiment, told in zip(found, sections):
        blocks += _of_experiment(experiment, told, runs_dir)
    summary = f"Written {moment(now)} by `lab report --wandb` from the folder {runs_dir.resolve().name}."
    return Outline(head.title, summary, tuple(blocks), unseen)


_SMALL_PRINT = (
    "Ours is the statistic that the target names (the mean where there is none) over the seeds that reached the "
    "target's budget, or over the last evaluation of each seed where none has, with its 95 % bootstrap interval. "
    "Different rows are scored under different protocols: compare within a row. In the curves below a line is the mean "
    "over the seeds of an arm and the band its standard error."
)


def _facts(facts: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    return [f"**{term}**: {'; '.join(map(_plain, values))}" for term, values in facts]


def _unseen(unseen: int, of: int) -> list[str]:
    if not unseen:
        return []
    are = "is" if unseen == 1 else "are"
    return [f"**{unseen} of {of} runs {are} not in W&B**, and so in the tables alone. `lab sync` uploads them."]


def _of_experiment(experiment: Experiment, told: Section, runs_dir: Path) -> list[Block]:
    verdict = f": {told.rows[0].verdict}" if len(told.rows) == 1 else ""
    blocks: list[Block] = [Heading(1, f"{told.name}{verdict}")]
    if told.summary:
        blocks.append(Passage(_plain(told.summary)))
    for trouble in told.troubles:
        error = f"\n\n{_fenced(trouble.error)}" if trouble.error else ""
        blocks.append(Passage(f"**{_plain(trouble.what)}**{error}"))
    run_sets = _run_sets(experiment, runs_dir)
    plots, further = (
        tuple(Plot(each.metric, _titled(each.metric, each.target), experiment.arms[0].unit) for each in figures)
        for figures in (told.figures, told.further)
    )
    if run_sets and plots:
        media = dict.fromkeys(item.name for arm in experiment.arms for run in arm.runs for item in run.media)
        blocks.append(Panels(run_sets, plots, tuple(media)))
    if run_sets and further:
        blocks.append(Heading(3, f"More curves ({len(further)})", (Panels(run_sets, further),)))
    if len(told.rows) > 1:
        blocks += [Heading(2, "The arms"), Passage(_arms(told))]
    for search in told.searches:
        blocks += [Heading(2, f"Search {search.name}"), Passage(_search(search)), *map(Command, search.commands)]
    blocks += [Heading(2, "Repeat"), *map(Command, told.commands)]
    if told.cost:
        blocks.append(Passage(f"Cost: {_joined(*told.cost)}."))
    for protocol in told.protocols:
        said = {
            "Holds for": protocol.arms,
            "Target": f"{protocol.target}; {protocol.statistic}",
            "Protocol": protocol.protocol,
            "Source": protocol.source,
        }
        blocks.append(Passage("\n".join(f"- **{term}**: {_plain(text)}" for term, text in said.items() if text)))
    blocks.append(Heading(3, f"Runs ({len(told.seeds)})", (Passage(_runs(told)),)))
    if told.notes:
        blocks.append(Passage("\n".join(["**What could not be read**", "", *(f"- {_plain(n)}" for n in told.notes)])))
    return blocks


def _search(search: SearchFigure) -> str:
    """What it came to, what is suspicious, and its candidates, the best first."""
    rows = [(str(each.number), settings, score, count(each.steps)) for each, settings, score in search.candidates]
    table = _table(("Candidate", "Settings", "Score", "Judged at"), rows)
    return "\n\n".join([_plain(search.title), _plain(search.best), *map(_plain, search.warnings), table])


def _run_sets(experiment: Experiment, runs_dir: Path) -> tuple[RunSet, ...]:
    """The runs of each arm that W&B has."""
    found = []
    for arm in experiment.arms:
        ids = tuple(known for run in arm.runs if (known := uploaded_id(runs_dir / run.place)))
        if ids:
            found.append(RunSet(arm.label or experiment.name, ids))
    return tuple(found)


def _titled(metric: str, target: str) -> str:
    return f"{metric}, {target}" if target else metric


def _glance(rows: Sequence[Row]) -> str:
    return _table(
        ("Experiment", "Metric", "Published", "Target", "Ours, 95 % interval", "Seeds", "Steps", "Time", "Verdict"),
        [
            (
                " ".join(filter(None, [row.experiment, row.arm])),
                row.metric,
                row.published,
                _joined(row.target, row.further),
                f"**{row.centre}** {row.interval}" + (f" {row.taken}" if row.taken else ""),
                _joined(row.seeds, row.trouble),
                f"{row.steps} {row.unit}",
                row.time,
                _joined(f"**{row.verdict}**", *row.reasons),
            )
            for row in rows
        ],
    )


def _arms(told: Section) -> str:
    return _table(
        ("Arm", told.rows[0].metric, "What sets it apart", "Time"),
        [
            (
                row.arm,
                _joined(f"**{row.centre}** {row.interval}", row.trouble),
                ", ".join(f"{setting} {value}" for setting, value in arm.apart) or "the usual settings",
                row.time,
            )
            for row, arm in zip(told.rows, told.compared)
        ],
    )


def _runs(told: Section) -> str:
    headers = ("Arm", "Seed", "State", told.rows[0].unit.capitalize(), "Score", "Time", "Steps a second", "Directory")
    rows = [(s.arm, str(s.seed), s.state, s.steps, s.score, s.time, s.speed, f"`{s.place}`") for s in told.seeds]
    with_arms = len(told.rows) > 1
    return _table(headers[not with_arms :], [row[not with_arms :] for row in rows])


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(_plain(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _plain(text: str) -> str:
    """The text on one line, and nothing of it a tag."""
    return " ".join(text.split()).replace("<", "&lt;")


def _fenced(text: str) -> str:
    """The text as a block of code, whatever it holds."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
