"""Each setting's effect in a search as a figure for print: score against it on its own scale, and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETDOWN, CARETUP

from lab.names import did_you_mean
from lab.paper.curves import COLOURS, STYLE
from lab.report.search_figures import by_seeds, place_of, scale_said, score_scale, ticks_of
from lab.report.searches import Candidate, Search, read_search
from lab.search_space import Axis, Range
from lab.words import count

COLUMNS = 3  # of panels, at most
PANEL = (2.2, 1.8)  # inches
MARKS = "os^D"  # by rung, the whole budget first
OFF = (CARETDOWN, CARETUP)  # at the lower and the upper edge, of what lies off the scale
NO_SCORE = -0.09  # of the plot's height, below it


def find_search(runs_dir: Path, experiment: str, name: str = "") -> Search:
    """An experiment's search by the beginning of its file's name; the newest where none is named.

    Raises ValueError where there is no such search, and where it cannot be read.
    """
    files = sorted((runs_dir / experiment / "searches").glob("*.json"), key=lambda path: path.stat().st_mtime)
    if not files:
        searched = {path.parts[-3] for path in runs_dir.glob("*/searches/*.json")}
        hint = did_you_mean(experiment, searched) if searched else f"`lab search {experiment} --vary ...` makes one."
        raise ValueError(f"There is no search of {experiment!r} under {runs_dir}. {hint}")
    named = [path for path in files if path.stem.startswith(name)]
    if not named:
        hint = did_you_mean(name, [path.stem for path in files])
        raise ValueError(f"There is no search {name!r} of {experiment!r} under {runs_dir}. {hint}")
    try:
        return read_search(named[-1])
    except ValueError as error:
        raise ValueError(f"{named[-1]}: {error}") from None


def draw_search(search: Search, *, title: str = "", panel: tuple[float, float] = PANEL) -> Figure:
    """A panel a setting that varied and one of the best so far, each `panel` inches wide and high."""
    num_panels = len(search.axes) + 1
    columns = min(COLUMNS, num_panels)
    rows = -(-num_panels // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(panel[0] * columns, panel[1] * rows + 0.3), layout="constrained")
        plots = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
        for axis, axes in zip(search.axes, plots):
            _draw_setting(axes, search, axis)
        _draw_order(plots[len(search.axes)], search)
        for axes in plots[num_panels:]:
            axes.set_visible(False)
        figure.suptitle(title, fontsize=8)
        figure.supylabel(search.metric.removeprefix("eval/").replace("_", " "), fontsize=8)
        figure.legend(handles=_handles(search), loc="outside lower center", ncols=3, frameon=False, handletextpad=0.2)
    return figure


def _draw_setting(axes: mpl.axes.Axes, search: Search, axis: Axis) -> None:
    _draw_candidates(axes, search, lambda each: place_of(axis, each))
    if isinstance(axis, Range):
        for border in (0, 1):
            axes.axvline(border, color="0.6", linewidth=0.6, linestyle=(0, (1, 2)))
    axes.set_xlim(-0.06, 1.06)
    axes.set_xticks(*zip(*ticks_of(axis)))
    scale = scale_said(axis)
    axes.set_xlabel(axis.name + (f" ({scale})" if scale else ""))


def _draw_order(axes: mpl.axes.Axes, search: Search) -> None:
    _draw_candidates(axes, search, lambda each: each.number)
    best = search.best_so_far()
    if best:
        last = max(each.number for each in search.candidates)
        numbers, scores = zip(*best)
        axes.step([*numbers, last], [*scores, scores[-1]], where="post", color=COLOURS[0], linewidth=0.8)
    axes.set_xlabel("candidate; line: the best so far")


def _draw_candidates(axes: mpl.axes.Axes, search: Search, place: Callable[[Candidate], float]) -> None:
    """The marks of all candidates, the best on top and ringed; those without a score below the plot."""
    scale = score_scale(search)
    axes.set_ylim(scale.low, scale.high)
    if scale.logarithmic:
        axes.set_yscale("log")
    below = axes.get_xaxis_transform()
    for each in reversed(search.candidates):
        if each.score is None:
            axes.plot(place(each), NO_SCORE, "x", color="#a32a12", markersize=3.5, transform=below, clip_on=False)
            continue
        rung = min(search.rung_of(each), len(MARKS) - 1)
        shape = MARKS[rung] if scale.low <= each.score <= scale.high else OFF[each.score > scale.high]
        axes.plot(
            place(each), np.clip(each.score, scale.low, scale.high), marker=shape, color=COLOURS[rung],
            markersize=3.5, linestyle="",
            markerfacecolor=COLOURS[rung] if each.feasible else "white", markeredgewidth=0.7, clip_on=False,
        )  # fmt: skip
    best = search.best
    if best is not None and best.score is not None:
        axes.plot(place(best), best.score, "o", color="black", markersize=8, markerfacecolor="none", clip_on=False)
    if any(each.score is None for each in search.candidates):
        axes.tick_params(axis="x", pad=9)


def _handles(search: Search) -> Sequence[Line2D]:
    """What the marks mean, of those that there are."""

    def mark(shape: str | int, label: str, **look: Any) -> Line2D:
        return Line2D([], [], linestyle="", marker=shape, label=label, markersize=4, **look)

    found = []
    for rung, steps in sorted({(search.rung_of(e), e.steps) for e in search.candidates if e.score is not None}):
        shape, colour = MARKS[min(rung, len(MARKS) - 1)], COLOURS[min(rung, len(MARKS) - 1)]
        found.append(mark(shape, f"judged at {count(steps)}{by_seeds(search, rung)}", color=colour))
    scale = score_scale(search)
    if any(e.score is not None and not scale.low <= e.score <= scale.high for e in search.candidates):
        found.append(mark(OFF[search.lower_is_better], "off the scale", color="0.4"))
    if any(not each.feasible for each in search.candidates):
        found.append(mark("o", f"misses {', '.join(search.satisfy)}", color=COLOURS[0], markerfacecolor="white"))
    if any(each.score is None for each in search.candidates):
        found.append(mark("x", "no score", color="#a32a12"))
    if search.best is not None:
        found.append(mark("o", "the best", color="black", markerfacecolor="none"))
    return found
