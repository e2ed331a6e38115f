"""Strips: small drawings for tables, of an arm's seeds and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape

from lab.report.scales import Scale, fitted
from lab.words import number, plain

LEFT, RIGHT = 2.0, 118.0  # of the scale, in a strip of 120 units


def strip(
    values: Sequence[float],
    interval: tuple[float, float] | None,
    centre: float,
    bound: float | None,
    *,
    what: str = "Seeds",
) -> Markup:
    """A small drawing for a table: each seed (or `what` else) a dot, the interval a bar, the target an upright line."""
    shown = np.array([*values, *(interval or ()), *([] if bound is None else [bound])])
    return _strip(fitted([[shown]], LEFT, RIGHT, ticks=False), values, interval, centre, bound, what)


def strips(results: Sequence[tuple[Sequence[float], tuple[float, float] | None, float]]) -> list[Markup]:
    """Such drawings on one scale, for arms below each other: the values, the interval and the centre of each.

    What lies off the scale is drawn at its edge as an arrow.
    """
    arms = [[np.array([*values, *(interval or ())])] for values, interval, _ in results]
    scale = fitted(arms, LEFT, RIGHT, ticks=False)
    return [_strip(scale, values, interval, centre, None, "Seeds") for values, interval, centre in results]


def _strip(
    x: Scale,
    values: Sequence[float],
    interval: tuple[float, float] | None,
    centre: float,
    bound: float | None,
    what: str,
) -> Markup:
    parts = [f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="12" y2="12"/>']
    if interval is not None:
        start, end = x.held(interval[0]), x.held(interval[1])
        parts.append(f'<rect class="bar" x="{start:.1f}" y="9" width="{max(end - start, 1):.1f}" height="6" rx="3"/>')
    parts += [f'<circle class="dot" cx="{x.at(v):.1f}" cy="12" r="2.6"/>' for v in values if x.low <= v <= x.high]
    if x.low <= centre <= x.high:
        parts.append(f'<line class="middle" x1="{x.at(centre):.1f}" x2="{x.at(centre):.1f}" y1="6" y2="18"/>')
    else:
        towards = -6 if centre < x.low else 6
        parts.append(f'<path class="dot" d="M{x.held(centre) - towards:.1f} 8v8l{towards} -4Z"/>')
    if bound is not None:
        parts.append(f'<line class="target" x1="{x.at(bound):.1f}" x2="{x.at(bound):.1f}" y1="2" y2="22"/>')
    label = f"{what} at {', '.join(map(number, values))}" + ("" if bound is None else f"; target {plain(bound)}")
    return Markup(
        f'<svg class="strip" viewBox="0 0 120 24" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
