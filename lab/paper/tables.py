"""Scores of several sides on several tasks as a table, in Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lab.sides import Scored, Side
from lab.statistics import Interval, bootstrap_interval, interquartile_mean

Form = Literal["markdown", "latex", "csv"]
STATISTICS: dict[str, Callable[..., float]] = {"iqm": interquartile_mean, "mean": np.mean, "median": np.median}
_SPECIAL = {each: f"\\{each}" for each in "&%$#_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One side's scores on one task."""

    interval: Interval
    best: bool  # the best estimate of the task; of several that are equal all


def cells_of(sides: Sequence[Side], statistic: str = "iqm") -> list[list[Cell]]:
    """A row a side, a column a task."""
    columns = [_column([side.tasks[number] for side in sides], statistic) for number in range(len(sides[0].tasks))]
    return [list(row) for row in zip(*columns)]


def _column(scored: Sequence[Scored], statistic: str) -> list[Cell]:
    intervals = [bootstrap_interval(list(each.scores.values()), STATISTICS[statistic]) for each in scored]
    best = (min if scored[0].lower_is_better else max)(interval.estimate for interval in intervals)
    return [Cell(interval, interval.estimate == best) for interval in intervals]


def table(sides: Sequence[Side], form: Form, statistic: str = "iqm", digits: int = 3) -> str:
    """The whole table; the best of each task stands out, and seeds are counted. `digits` are significant ones."""
    cells = cells_of(sides, statistic)
    tasks = _tasks(sides)
    if form == "csv":
        return _csv(sides, tasks, cells)
    rows = [[side.name, *(_said(cell, form, digits) for cell in row)] for side, row in zip(sides, cells)]
    seeds = sorted({cell.interval.n for row in cells for cell in row})
    counted = "-".join(str(each) for each in dict.fromkeys((seeds[0], seeds[-1])))
    note = f"{statistic.upper() if statistic == 'iqm' else statistic} over {counted} seeds, 95 % bootstrap interval"
    return (_markdown if form == "markdown" else _latex)(["", *tasks], rows, note) + "\n"


def _tasks(sides: Sequence[Side]) -> list[str]:
    """A column's name: the metric, and where there are several tasks the first side's name of it."""
    first = sides[0].tasks
    metric = [task.protocol["metric"].removeprefix("eval/") for task in first]
    return metric if len(first) == 1 else [f"{task.task} {name}" for task, name in zip(first, metric)]


def _said(cell: Cell, form: Form, digits: int) -> str:
    found = cell.interval
    ends = [_number(value, found.estimate, digits) for value in (found.low, found.high)]
    estimate = _number(found.estimate, found.estimate, digits)
    between = f" [{ends[0]}, {ends[1]}]" if math.isfinite(found.low) else ""
    if form == "latex":
        estimate = rf"\mathbf{{{estimate}}}" if cell.best else estimate
        return f"${estimate}$" + (rf" \footnotesize$[{ends[0]}, {ends[1]}]$" if between else "")
    return (f"**{estimate}**" if cell.best else estimate) + between


def _number(value: float, beside: float, digits: int) -> str:
    """As many decimals as give the estimate that stands beside it so many significant digits."""
    size = 0 if beside == 0 or not math.isfinite(beside) else math.floor(math.log10(abs(beside)))
    return f"{value:.{max(0, digits - 1 - size)}f}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", f"{note}."])


def _latex(header: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> str:
    body = [" & ".join([_escaped(row[0]), *row[1:]]) + r" \\" for row in rows]
    head = " & ".join(map(_escaped, header)) + r" \\"
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join([
        f"% {note}. Needs \\usepackage{{booktabs}}.", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head,
        r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
    ])  # fmt: skip


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _csv(sides: Sequence[Side], tasks: Sequence[str], cells: Sequence[Sequence[Cell]]) -> str:
    """A line a side and task, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["side", "task", "estimate", "low", "high", "seeds", "best"])
    for side, row in zip(sides, cells):
        for task, cell in zip(tasks, row):
            found = cell.interval
            ends = [repr(end) if math.isfinite(end) else "" for end in (found.low, found.high)]
            writer.writerow([side.name, task, repr(found.estimate), *ends, found.n, int(cell.best)])
    return text.getvalue()
