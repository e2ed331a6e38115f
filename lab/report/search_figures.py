"""Each setting's effect in a search: a panel a setting, score against it on its own scale, and the best so far.

Of a candidate all panels show one mark, whose shape says how far it went; what has no score stands below the plot, so
that nobody takes a range for better than it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from lab.report.charts import arrow, json_for_script, look, marker
from lab.report.scales import LEAST_GAIN, MOST_LEFT_OUT, Scale, fitted
from lab.report.searches import Candidate, Search
from lab.search_space import Axis, Choices, Range
from lab.words import count, listed, number, short, value_said

WIDTH, HEIGHT = 340, 250  # of a panel, in its own units
LEFT, RIGHT, TOP, BOTTOM = 52, 328, 14, 176  # of the plot within it
NO_SCORE = 192  # the height at which candidates without a score are marked
AXIS = 204
MARGIN = 0.06  # of the width, outside the borders of a range
GOLDEN = 0.618034  # its multiples' fractions spread the marks of one choice
NUM_RUNGS = 4  # that shapes tell apart


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One setting's panel, or that of the best so far."""

    setting: str
    scale: str  # in words; nothing where it is linear
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class SearchFigure:
    """A search as the page shows it."""

    anchor: str
    name: str
    title: str  # for those who cannot see it
    subtitle: str
    warnings: tuple[str, ...]
    panels: tuple[Panel, ...]
    legend: tuple[tuple[Markup, str], ...]
    candidates: tuple[tuple[Candidate, str, str], ...]  # the best first, with their settings and score in words
    best: str  # in words
    commands: tuple[str, ...]
    data: Markup


def search_figure(search: Search, anchor: str) -> SearchFigure:
    """Everything that the page shows of one search."""
    y = score_scale(search)
    tops = [_height(each, y) for each in search.candidates]
    across = [[_across(axis, each) for each in search.candidates] for axis in search.axes]
    panels = [
        Panel(setting=a.name, scale=scale_said(a), svg=_panel(search, a.name, _setting_axis(a), xs, tops, y))
        for a, xs in zip(search.axes, across)
    ]
    x = Scale(0, max(1, *(each.number for each in search.candidates)), LEFT, RIGHT)
    drawn = [x.at(each.number) for each in search.candidates]
    progress = _panel(search, "the order in which they were drawn", _order_axis(search, x, y), drawn, tops, y)
    panels.append(Panel(setting="the best so far", scale="", svg=progress))
    said = [candidate_said(search, each) for each in search.candidates]
    data = {
        "said": said,
        "panels": [[[round(a, 1), round(t, 1)] for a, t in zip(xs, tops)] for xs in [*across, drawn]],
    }
    best = search.best
    return SearchFigure(
        anchor=anchor,
        name=search.name,
        title=f"{search.metric} of {len(search.candidates)} candidates against {listed([a.name for a in search.axes])}",
        subtitle=_subtitle(search, y),
        warnings=_warnings(search),
        panels=tuple(panels),
        legend=tuple(_legend(search)),
        candidates=tuple((each, settings_said(search, each), score_said(each)) for each in search.candidates),
        best="No candidate came to a score." if best is None else f"The best: {candidate_said(search, best)}",
        commands=(best.command,) if best is not None and best.command else (),
        data=json_for_script(data),
    )


def score_scale(search: Search) -> Scale:
    """The vertical scale of all panels. The better two thirds are always on it; far worse ones may lie off it."""
    scores = sorted((e.score for e in search.candidates if e.score is not None), reverse=not search.lower_is_better)
    kept = scores[: math.ceil(len(scores) * (1 - MOST_LEFT_OUT))]
    if np.ptp(scores or [0.0]) < LEAST_GAIN * np.ptp(kept or [0.0]):
        kept = scores
    return fitted([[np.array(kept)]], BOTTOM, TOP)


def _height(each: Candidate, y: Scale) -> float:
    return NO_SCORE if each.score is None else y.held(each.score)


def place_of(axis: Axis, each: Candidate) -> float:
    """Where a candidate lies on a setting's axis, 0 to 1; the candidates of one choice lie side by side."""
    value = each.settings[axis.name]
    if isinstance(axis, Range):
        return min(max(axis.place(value), 0.0), 1.0)
    return (axis.values.index(value) + 0.5 + 0.6 * (each.number * GOLDEN % 1 - 0.5)) / len(axis.values)


def ticks_of(axis: Axis) -> list[tuple[float, str]]:
    """(place from 0 to 1, label) of round values."""
    if isinstance(axis, Choices):
        return [((i + 0.5) / len(axis.values), value_said(value)) for i, value in enumerate(axis.values)]
    if axis.scale == "linear":
        values = Scale(axis.low, axis.high, 0, 1).ticks(4)
    elif axis.scale == "log":
        values = Scale(axis.low, axis.high, 0, 1, logarithmic=True).ticks(5)
    else:
        values = [float(f"{1 - v:.9g}") for v in Scale(1 - axis.high, 1 - axis.low, 0, 1, logarithmic=True).ticks(5)]
    if len(values) < 2:  # a logarithmic range of less than a decade
        values = [axis.low, axis.high]
    return [(axis.place(value), short(value)) for value in values]


def scale_said(axis: Axis) -> str:
    """The axis's scale in words; nothing where it is linear."""
    if isinstance(axis, Choices) or axis.scale == "linear":
        return ""
    return "logarithmic" if axis.scale == "log" else "1 − value logarithmic"


def _across(axis: Axis, each: Candidate) -> float:
    return _at(place_of(axis, each))


def _at(place: float) -> float:
    margin = MARGIN * (RIGHT - LEFT)
    return LEFT + margin + place * (RIGHT - LEFT - 2 * margin)


def _setting_axis(axis: Axis) -> str:
    """Ticks below the panel, and the borders of the range."""
    parts = []
    if isinstance(axis, Range):
        parts += [f'<line class="border" x1="{_at(p):.1f}" x2="{_at(p):.1f}" y1="{TOP}" y2="{AXIS}"/>' for p in (0, 1)]
    return "".join(parts + [_tick(_at(place), label) for place, label in ticks_of(axis)])


def _order_axis(search: Search, x: Scale, y: Scale) -> str:
    """Ticks of the candidates' numbers, and the line of the best so far."""
    parts = [_tick(x.at(tick), short(tick)) for tick in x.ticks(5) if tick == int(tick)]
    best = search.best_so_far()
    if best:
        ends = [*(at for at, _ in best[1:]), max(each.number for each in search.candidates)]
        path = f"M{x.at(best[0][0]):.1f} {y.held(best[0][1]):.1f}"
        path += "".join(f"V{y.held(score):.1f}H{x.at(end):.1f}" for (_, score), end in zip(best, ends))
        parts.append(f'<path class="best-line" d="{path}"/>')
    return "".join(parts)


def _tick(at: float, label: str) -> str:
    return (
        f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{AXIS}" y2="{AXIS + 5}"/>'
        f'<text class="tick" x="{at:.1f}" y="{AXIS + 19}" text-anchor="middle">{escape(label)}</text>'
    )


def _panel(search: Search, name: str, axis: str, across: Sequence[float], tops: Sequence[float], y: Scale) -> Markup:
    """Score against what is called `name`, whose axis is drawn already; `across` and `tops` place the candidates."""
    parts = []
    for tick in y.ticks(4):
        at = y.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    if any(each.score is None for each in search.candidates):
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{NO_SCORE + 4}" text-anchor="end">none</text>')
    parts += [f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{AXIS}" y2="{AXIS}"/>', axis]
    marks = [mark(search, each, x, top, y) for each, x, top in zip(search.candidates, across, tops)]
    parts += reversed(marks)  # the best last, above the others
    if search.best is not None:
        parts.append(f'<circle class="ring" cx="{across[0]:.1f}" cy="{tops[0]:.1f}" r="9"/>')
    parts.append('<circle class="pointer" r="7"/>')
    label = f"{search.metric} against {name}, {len(search.candidates)} candidates"
    body = "".join(parts)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT - 20}" role="img" aria-label="{escape(label)}">{body}</svg>'
    )


def mark(search: Search, each: Candidate, x: float, top: float, y: Scale) -> str:
    """A candidate's mark: a cross without a score, an arrow off the scale, else the shape of its rung."""
    if each.score is None:
        return f'<path class="cross" d="M{x - 3.5:.1f} {top - 3.5:.1f}l7 7m0 -7l-7 7"/>'
    rung = min(search.rung_of(each), NUM_RUNGS - 1)
    classes = f"{look(rung)}{'' if each.feasible else ' infeasible'}"
    shape = marker(rung, x, top) if y.low <= each.score <= y.high else arrow(x, top, 1 if each.score < y.low else -1)
    return f'<g class="{classes}">{shape}</g>'


def _legend(search: Search) -> list[tuple[Markup, str]]:
    """What the marks mean, of those that there are."""
    entries = []
    for rung in sorted({search.rung_of(each) for each in search.candidates if each.score is not None}):
        steps = sorted({e.steps for e in search.candidates if e.score is not None and search.rung_of(e) == rung})
        drawn = f'<g class="{look(min(rung, NUM_RUNGS - 1))}">{marker(min(rung, NUM_RUNGS - 1), 14, 7)}</g>'
        entries.append((_swatch(drawn), f"judged at {listed([count(each) for each in steps])}{by_seeds(search, rung)}"))
    if any(not each.feasible for each in search.candidates):
        drawn = f'<g class="{look(0)} infeasible">{marker(0, 14, 7)}</g>'
        entries.append((_swatch(drawn), f"misses {listed(list(search.satisfy)) or 'a bound'}"))
    if any(each.score is None for each in search.candidates):
        entries.append((_swatch('<path class="cross" d="M10.5 3.5l7 7m0 -7l-7 7"/>'), "came to no score"))
    if search.best is not None:
        entries.append((_swatch('<circle class="ring" cx="14" cy="7" r="6"/>'), "the best"))
    if any(isinstance(axis, Range) for axis in search.axes):
        entries.append((_swatch('<line class="border" x1="14" x2="14" y1="0" y2="14"/>'), "border of the range"))
    return entries


def by_seeds(search: Search, rung: int) -> str:
    """Of how many seeds the scores at a rung are the mean; nothing where each is of one."""
    seeds = max(
        (e.num_seeds for e in search.candidates if e.score is not None and search.rung_of(e) == rung), default=1
    )
    return f", {seeds} seeds" if seeds > 1 else ""


def _swatch(drawn: str) -> Markup:
    return Markup(f'<svg class="swatch" viewBox="0 0 28 14" aria-hidden="true">{drawn}</svg>')


def _subtitle(search: Search, y: Scale) -> str:
    several = any(each.num_seeds > 1 for each in search.candidates)
    seeds = "the mean over seeds" if several else "of one seed"
    better = "lower is better" if search.lower_is_better else "higher is better"
    said = f"{search.metric}, {seeds}; {better}. Each candidate stands once in every panel."
    scores = np.array([each.score for each in search.candidates if each.score is not None])
    off = int(((scores < y.low) | (scores > y.high)).sum())
    said += " Logarithmic scale." if y.logarithmic else ""
    return said + (f" {off} off the scale, as arrows." if off else "")


def _warnings(search: Search) -> tuple[str, ...]:
    found = [f"{said}: better ones may lie beyond. Widen it." for said in search.bordering()]
    found += [
        f"{each.warning[0].upper()}{each.warning[1:]}. Stop none before the end: --first-steps {search.rungs[-1][0]}."
        for each in search.foretold
        if each.warning
    ]
    if search.best is not None and not search.best.feasible:
        found.append("Even the best misses a bound that has to hold.")
    if not search.complete:
        found.append("The search was stopped. The same command goes on with it.")
    lost = [each for each in search.candidates if each.score is None]
    if lost:
        reasons = list(dict.fromkeys(each.why.rstrip(".") for each in lost if each.why))[:3]
        why = f" ({'; '.join(reasons)})" if reasons else ""
        found.append(f"{len(lost)} of {len(search.candidates)} candidates came to no score{why}.")
    return tuple(found)


def candidate_said(search: Search, each: Candidate) -> str:
    """A candidate in one line: its settings, and what it came to at which budget."""
    at = f" at {count(each.steps)}" if each.steps else ""
    at += f", mean of {each.num_seeds} seeds" if each.num_seeds > 1 else ""
    return f"candidate {each.number}: {settings_said(search, each)} → {score_said(each)}{at}"


def settings_said(search: Search, each: Candidate) -> str:
    """The settings that varied, by the last part of their names."""
    return ", ".join(f"{a.name.rpartition('.')[2]} {value_said(each.settings[a.name])}" for a in search.axes)


def score_said(each: Candidate) -> str:
    """The score, or why there is none."""
    if each.score is None:
        return each.why or "no score"
    return number(each.score) + ("" if each.feasible else " (misses a bound)")
