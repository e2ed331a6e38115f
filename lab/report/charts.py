"""Line charts as inline SVG: seeds thin, their mean or IQM with its interval bold, the target as a line."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from lab.report.curves import Band
from lab.report.records import Curve
from lab.words import number, plain, short

WIDTH, HEIGHT = 560, 304  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 54, 546, 14, 256  # of the plot within it
_LARGEST = 1e300  # beyond it, the arithmetic of drawing would overflow
NUM_COLOURS, NUM_SHAPES = 7, 4  # of the style sheet's palette; shapes tell lines apart where colours cannot


@dataclass(frozen=True)
class Series:
    """One arm in a chart. `seeds` are its thinned curves by seed, `band` what they have in common."""

    name: str
    seeds: dict[int, Curve]
    band: Band | None


@dataclass(frozen=True)
class Scale:
    """Maps values between low and high to positions between start and end, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        low, high = self.low, self.high
        if self.logarithmic:
            values, low, high = np.log10(values), math.log10(low), math.log10(high)
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    def at(self, value: float) -> float:
        return float(self.place(np.array([value]))[0])

    def ticks(self, about: int) -> list[float]:
        """Round values within the scale, roughly as many as asked for."""
        if self.logarithmic:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            return [10.0**power for power in powers][:: -(-len(powers) // (about + 1)) or 1]
        rough = (self.high - self.low) / about
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{i * step:.12g}") for i in range(first, last + 1)]  # 0.3 rather than 0.30000000000000004


def value_scale(series: Sequence[Series], bound: float | None) -> Scale:
    """The vertical scale: all that is drawn, and a little air. Logarithmic where it spans over two decades."""
    drawn = [curve.values for s in series for curve in s.seeds.values()]
    drawn += [part for s in series if s.band for part in (s.band.centre, s.band.low, s.band.high)]
    values = np.concatenate([np.empty(0), *drawn])
    values = np.clip(values[np.isfinite(values)], -_LARGEST, _LARGEST)
    if bound is not None:
        values = np.append(values, bound)
    if not len(values):
        return Scale(0, 1, BOTTOM, TOP)
    low, high = float(values.min()), float(values.max())
    if bound is None and low > 0 and high / low > 100:
        return Scale(max(low, 1 / _LARGEST) / 1.2, high * 1.2, BOTTOM, TOP, logarithmic=True)
    air = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    # Values that nearly reach down to 0 are drawn from 0.
    return Scale(0.0 if 0 <= low < 0.1 * high else low - air, high + air, BOTTOM, TOP)


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
        parts.append(f'<g class="series colour-{i % NUM_COLOURS}">{_drawing(each, i, x, y)}</g>')
    parts.append(f'<line class="cursor" x1="0" x2="0" y1="{TOP}" y2="{BOTTOM}"/>')
    body = "".join(parts)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}</svg>'
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


def _drawing(series: Series, index: int, x: Scale, y: Scale) -> str:
    """One arm: its interval, its seeds, the bold line, and a marker at its end."""
    parts = []
    band = series.band
    if band is not None and np.isfinite(band.low).any():
        parts.append(f'<path class="interval" d="{_outline(band, x, y)}"/>')
    for curve in series.seeds.values():
        if band is None or band.of > 1:
            parts.append(f'<path class="seed" d="{path(curve.steps, curve.values, x, y)}"/>')
    if band is not None:
        parts.append(f'<path class="centre" d="{path(band.steps, band.centre, x, y)}"/>')
        parts.append(marker(index, x.at(float(band.steps[-1])), y.at(float(band.centre[-1]))))
    return "".join(parts)


def path(steps: np.ndarray, values: np.ndarray, x: Scale, y: Scale) -> str:
    """The points joined by straight lines, broken where a value is nan."""
    words, pen = [], "M"
    for across, down in zip(x.place(steps), y.place(values)):
        if np.isnan(down):
            pen = "M"
            continue
        words.append(f"{pen}{across:.1f} {down:.1f}")
        pen = "L"
    return "".join(words)


def _outline(band: Band, x: Scale, y: Scale) -> str:
    """A closed path for each stretch in which the interval is known."""
    across, low, high = x.place(band.steps), y.place(band.low), y.place(band.high)
    known = np.flatnonzero(np.isfinite(low))
    stretches = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    outlines = []
    for stretch in stretches:
        there = [f"{across[i]:.1f} {high[i]:.1f}" for i in stretch]
        back = [f"{across[i]:.1f} {low[i]:.1f}" for i in reversed(stretch)]
        outlines.append("M" + "L".join(there + back) + "Z")
    return "".join(outlines)


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
        f'<svg class="swatch colour-{index % NUM_COLOURS}" viewBox="0 0 28 14" aria-hidden="true">'
        f"{line}{marker(index, 14, 7)}</svg>"
    )


def hover_data(series: Sequence[Series], unit: str, bound: float | None) -> Markup:
    """What the script needs to read values out: JSON that is safe inside a script element."""
    x, y = step_scale(series), value_scale(series, bound)
    data = {
        "unit": unit,
        "x": [x.low, x.high, x.start, x.end],
        "series": [_hover_series(each, y, with_seeds=len(series) == 1) for each in series],
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _hover_series(series: Series, y: Scale, *, with_seeds: bool) -> dict[str, object]:
    band = series.band
    if band is None:
        return {"steps": [], "at": [], "text": []}
    text = [readout(band, i) for i in range(len(band.steps))]
    data: dict[str, object] = {
        "steps": band.steps.tolist(),
        "at": [round(float(at), 1) for at in y.place(band.centre)],
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


def strip(values: Sequence[float], interval: tuple[float, float] | None, centre: float, bound: float | None) -> Markup:
    """A small drawing for a table: each seed a dot, the interval a bar, the target an upright line."""
    shown = [*values, *(interval or ()), *([] if bound is None else [bound])]
    low, high = min(shown), max(shown)
    air = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    x = Scale(low - air, high + air, 2, 118)
    parts = ['<line class="axis" x1="2" x2="118" y1="12" y2="12"/>']
    if interval is not None:
        left, right = x.at(interval[0]), x.at(interval[1])
        parts.append(f'<rect class="bar" x="{left:.1f}" y="9" width="{max(right - left, 1):.1f}" height="6" rx="3"/>')
    parts += [f'<circle class="dot" cx="{x.at(value):.1f}" cy="12" r="2.6"/>' for value in values]
    parts.append(f'<line class="middle" x1="{x.at(centre):.1f}" x2="{x.at(centre):.1f}" y1="6" y2="18"/>')
    if bound is not None:
        parts.append(f'<line class="target" x1="{x.at(bound):.1f}" x2="{x.at(bound):.1f}" y1="2" y2="22"/>')
    label = f"Seeds at {', '.join(map(number, values))}" + ("" if bound is None else f"; target {plain(bound)}")
    return Markup(
        f'<svg class="strip" viewBox="0 0 120 24" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
