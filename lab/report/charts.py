"""Line charts as inline SVG: seeds thin, their mean or IQM with its interval bold, the target as a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from lab.report.curves import Band
from lab.report.records import Curve
from lab.report.scales import Scale, fitted
from lab.words import number, short

WIDTH, HEIGHT = 560, 304  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 54, 546, 14, 256  # of the plot within it
NUM_COLOURS, NUM_DASHES = 7, 4  # of the style sheet; dashes tell lines apart where colours are used up
NUM_SHAPES = 4  # of markers, for those who cannot tell the colours
FAR = 10_000.0  # from the plot, in the drawing's units
MOST_WITH_SEEDS = 4  # arms in a chart that also draws each seed


@dataclass(frozen=True)
class Series:
    """One arm in a chart. `seeds` are its thinned curves by seed, `band` what they have in common."""

    name: str
    seeds: dict[int, Curve]
    band: Band | None
    is_small: bool = False  # where there is no room for each seed's own line

    def drawn_seeds(self, num_series: int) -> list[Curve]:
        """The seeds whose own lines are drawn: none beside those of many arms, which would hide each other."""
        alone = self.band is not None and self.band.of == 1
        crowded = self.band is not None and (self.is_small or num_series > MOST_WITH_SEEDS)
        return [] if alone or crowded else list(self.seeds.values())


def value_scale(series: Sequence[Series], bound: float | None) -> Scale:
    """The vertical scale of what is drawn."""
    arms = [[curve.values for curve in each.drawn_seeds(len(series))] for each in series]
    for arm, each in zip(arms, series):
        arm += [each.band.centre, each.band.low, each.band.high] if each.band else []
    return fitted(arms, BOTTOM, TOP, bound=bound)


def step_scale(series: Sequence[Series]) -> Scale:
    """The horizontal scale: from 0 to the last step of any line."""
    last = max((int(curve.steps[-1]) for s in series for curve in s.seeds.values()), default=1)
    return Scale(0, max(last, 1), LEFT, RIGHT)


def line_chart(
    series: Sequence[Series], *, colours: Sequence[int], title: str, unit: str, bound: float | None
) -> Markup:
    """The chart as an SVG element, which a screen reader names `title`; `colours` numbers the arms."""
    x, y = step_scale(series), value_scale(series, bound)
    parts = [_axes(x, y, unit)]
    if bound is not None:
        at = f"{y.at(bound):.1f}"
        parts.append(f'<line class="target" x1="{LEFT}" x2="{RIGHT}" y1="{at}" y2="{at}"/>')
    for i, each in zip(colours, series):
        parts.append(f'<g class="series {look(i)}">{_drawing(each, i, x, y, len(series))}</g>')
    parts.append(f'<line class="cursor" x1="0" x2="0" y1="{TOP}" y2="{BOTTOM}"/>')
    kind = "chart crowded" if len(series) > MOST_WITH_SEEDS else "chart"
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(x: Scale, y: Scale, unit: str) -> str:
    parts = []
    for tick in y.ticks(6):
        at = y.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    for tick in x.ticks(5):
        at = x.at(tick)
        anchor = "end" if at > RIGHT - 8 else "middle"
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 5}"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{BOTTOM + 19}" text-anchor="{anchor}">{short(tick)}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>')
    parts.append(f'<text class="unit" x="{RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{escape(unit)}</text>')
    return "".join(parts)


def _drawing(series: Series, index: int, x: Scale, y: Scale, num_series: int) -> str:
    """One arm: its interval, its seeds, the bold line, and a marker at its end."""
    lines = []
    band = series.band
    if band is not None and np.isfinite(band.low).any():
        lines.append(f'<path class="interval" d="{_outline(band, x, y)}"/>')
    for curve in series.drawn_seeds(num_series):
        lines.append(f'<path class="seed" d="{path(curve.steps, curve.values, x, y)}"/>')
    if band is None:
        return _within_plot(lines)
    lines.append(f'<path class="centre" d="{path(band.steps, band.centre, x, y)}"/>')
    end = float(band.centre[-1])
    across, down = x.at(float(band.steps[-1])), y.held(end)
    if y.low <= end <= y.high:
        return _within_plot(lines) + marker(index, across, down)
    return _within_plot(lines) + arrow(across, down, 1 if end < y.low else -1)


def _within_plot(lines: Sequence[str]) -> str:
    """The lines, cut off where they leave the plot."""
    frame = f'x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"'
    box = f"{LEFT} {TOP} {RIGHT - LEFT} {BOTTOM - TOP}"
    return f'<svg class="lines" {frame} viewBox="{box}" aria-hidden="true">{"".join(lines)}</svg>'


def path(steps: np.ndarray, values: np.ndarray, x: Scale, y: Scale) -> str:
    """The points joined by straight lines, broken where a value is nan."""
    across, down = x.place(steps), _down(y, values)
    return "".join(_joined(across[part], down[part]) for part in _stretches(np.isfinite(down)))


def _stretches(known: np.ndarray) -> list[np.ndarray]:
    """The indices of each stretch in which all is known."""
    there = np.flatnonzero(known)
    return [part for part in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1) if len(part)]


def _joined(across: np.ndarray, down: np.ndarray) -> str:
    """Points joined by lines, in steps from each to the next: half as long as places, and there are many of them."""
    tenths = np.stack([across, down], axis=1) * 10
    tenths = tenths.round().astype(int)
    words = [_tenths(v) for v in np.diff(tenths, axis=0).ravel().tolist()]
    said = "".join(word if word[0] == "-" else f" {word}" for word in words)
    first = "".join(f" {_tenths(v)}" for v in tenths[0].tolist())
    return f"M{first[1:]}" + (f"l{said.lstrip()}" if words else "h0")


def _tenths(value: int) -> str:
    """A number of tenths as short as SVG reads it: 12 is 1.2, -5 is -.5, 30 is 3."""
    whole, tenth = divmod(abs(value), 10)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole or ''}.{tenth}" if tenth else f"{sign}{whole}"


def _down(y: Scale, values: np.ndarray) -> np.ndarray:
    """The heights of values; far beyond the plot all the same, as browsers draw no numbers of 300 digits."""
    with np.errstate(over="ignore"):
        return np.clip(y.place(values), -FAR, FAR)


def _outline(band: Band, x: Scale, y: Scale) -> str:
    """A closed path for each stretch in which the interval is known."""
    across, low, high = x.place(band.steps), _down(y, band.low), _down(y, band.high)
    outlines = []
    for part in _stretches(np.isfinite(low)):
        there_and_back = np.concatenate([across[part], across[part][::-1]])
        outlines.append(_joined(there_and_back, np.concatenate([high[part], low[part][::-1]])) + "Z")
    return "".join(outlines)


def look(index: int) -> str:
    """The classes that give an arm its colour and its dashes."""
    return f"colour-{index % NUM_COLOURS} dashes-{index // NUM_COLOURS % NUM_DASHES}"


def arrow(x: float, y: float, direction: int) -> str:
    """A triangle at the edge of the plot, beyond which the line ends: below it (direction 1) or above (-1)."""
    return f'<path class="marker off" d="M{x - 5:.1f} {y:.1f}h10l-5 {7 * direction}Z"/>'


def marker(index: int, x: float, y: float) -> str:
    """A disc, square, triangle or diamond around (x, y)."""
    shape = (index % NUM_COLOURS + index // NUM_COLOURS) % NUM_SHAPES
    if shape == 0:
        return f'<circle class="marker" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    corners = [
        [(-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)],
        [(0, -4.8), (4.6, 3.4), (-4.6, 3.4)],
        [(0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0)],
    ][shape - 1]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon class="marker" points="{points}"/>'


def swatch(index: int) -> Markup:
    """The line and marker of an arm, for a legend."""
    line = '<line class="centre" x1="1" x2="27" y1="7" y2="7"/>'
    return Markup(
        f'<svg class="swatch {look(index)}" viewBox="0 0 28 14" aria-hidden="true">{line}{marker(index, 14, 7)}</svg>'
    )


def hover_data(series: Sequence[Series], unit: str, bound: float | None) -> Markup:
    """What the script needs to read values out, those of each seed too where one arm is drawn at full size."""
    x, y = step_scale(series), value_scale(series, bound)
    data = {
        "unit": unit,
        "x": [x.low, x.high, x.start, x.end],
        "series": [_hover_series(each, y, with_seeds=len(series) == 1 and not each.is_small) for each in series],
    }
    return json_for_script(data)


def json_for_script(data: object) -> Markup:
    """JSON that is safe inside a script element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _hover_series(series: Series, y: Scale, *, with_seeds: bool) -> dict[str, object]:
    band = series.band
    if band is None:
        return {"steps": [], "at": [], "text": []}
    text = [readout(band, i) for i in range(len(band.steps))]
    data: dict[str, object] = {
        "steps": band.steps.tolist(),
        "at": [round(float(at), 1) for at in np.clip(_down(y, band.centre), TOP, BOTTOM)],
        "text": text,
    }
    if with_seeds and band.of > 1:
        data["seeds"] = {seed: [_value_said(value) for value in values] for seed, values in band.scores.items()}
    return data


def _value_said(value: float) -> str:
    return number(value) if np.isfinite(value) else "–"


def readout(band: Band, index: int) -> str:
    """A point of a band in words: 431.2 [398.0, 462.1], and how many seeds where not all are there."""
    text = number(float(band.centre[index]))
    if np.isfinite(band.low[index]):
        text += f" [{number(float(band.low[index]))}, {number(float(band.high[index]))}]"
    if band.counts[index] < band.of:
        text += f" · {band.counts[index]} of {band.of} seeds"
    return text
