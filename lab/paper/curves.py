"""Curves over seeds as a figure for print: PDF or SVG of a column's width, legible in grey, text that stays text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from lab.names import did_you_mean
from lab.report.arms import Arm, read_experiments
from lab.report.curves import aggregate
from lab.report.judge import bound_of
from lab.report.records import StatisticName

POINTS = 200  # of a curve
SIZE = (3.3, 2.2)  # inches; a column of two
# Okabe and Ito's colours, which the colour-blind tell apart; the dashes tell lines apart without colours.
COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"
DASHES = "-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1))
STYLE = {
    "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.2, "axes.spines.top": False,
    "axes.spines.right": False, "pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "lab",
}  # fmt: skip


def draw(
    runs_dir: Path,
    experiment: str,
    *,
    arms: Sequence[str] = (),
    metric: str | None = None,
    statistic: StatisticName | None = None,
    title: str = "",
    size: tuple[float, float] = SIZE,
) -> Figure:
    """The metric over the budget, a line an arm with its 95 % interval over seeds, and the target's bound.

    Raises ValueError for an arm that there is not, and for a metric that no run of the arms has.
    """
    (found,), _ = read_experiments(runs_dir, [experiment])
    by_label = {arm.label: arm for arm in found.arms}
    for name in arms:
        if name not in by_label:
            known = [label for label in by_label if label]
            fix = did_you_mean(name, known) if known else "It compares none, so name none."
            raise ValueError(f"{experiment} has no arm {name!r} among its runs. {fix}")
    chosen = [by_label[name] for name in arms] or [arm for arm in found.arms if not arm.runs[0].nursed]
    if not chosen:
        raise ValueError(f"Every run of {experiment} was nursed, and is no run of its settings. Name what to draw.")
    metric = metric or chosen[0].metric
    logged = sorted({name for arm in chosen for run in arm.runs for name in run.curves})
    if metric not in logged:
        raise ValueError(f"No run of {experiment} has {metric!r}. {did_you_mean(metric, logged)}")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        for number, arm in enumerate(chosen):
            _line(axes, number, arm, metric, statistic or arm.statistic)
        bounds = {bound_of(arm.target) for arm in chosen if arm.target is not None and arm.target.metric == metric}
        if len(bounds) == 1:
            axes.axhline(bounds.pop(), color="0.4", linewidth=0.8, linestyle=(0, (1, 2)), label="target")
        axes.set_xlabel(chosen[0].unit)
        axes.set_ylabel(metric.removeprefix("eval/").replace("_", " "))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_title(title)
        if len(chosen) > 1 or axes.get_lines()[-1].get_label() == "target":
            axes.legend(frameon=False, handlelength=2.4)
    return figure


def _line(axes: mpl.axes.Axes, number: int, arm: Arm, metric: str, statistic: StatisticName) -> None:
    curves = {run.seed: run.curves[metric] for run in arm.runs if metric in run.curves}
    band = aggregate({seed: each for seed, each in curves.items() if np.isfinite(each.values).any()}, statistic, POINTS)
    if band is None:
        return
    colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    label = f"{arm.label} (n={band.of})" if arm.label else f"n={band.of}"
    axes.plot(band.steps, band.centre, color=colour, linestyle=dashes, label=label)
    axes.fill_between(band.steps, band.low, band.high, color=colour, alpha=0.2, linewidth=0)


def save(figure: Figure, path: Path) -> None:
    """Writes it as the name's ending says: pdf, svg or png. The same runs give the same file, whenever it is made."""
    undated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}
    if path.suffix not in undated:
        raise ValueError(f"{path} ends in {path.suffix!r}, but a figure is .pdf, .svg or .png. Name it so.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure.savefig(path, dpi=300, metadata=undated[path.suffix])
