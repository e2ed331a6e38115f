"""The charts of an experiment, each with its legend, which is also where values are read out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.report.arms import Arm, Experiment
from lab.report.charts import Series, hover_data, line_chart, readout, swatch, value_scale
from lab.report.curves import aggregate, thin
from lab.report.judge import bound_of
from lab.report.records import StatisticName
from lab.report.scales import Scale
from lab.words import count, listed, number, plain, range_said

POINTS, POINTS_OF_MORE = 150, 40  # kept of each curve: in the two main charts, and in the further ones
MOST_FURTHER = 8  # charts


@dataclass(frozen=True)
class Entry:
    """An arm in a legend, with its last value."""

    swatch: Markup
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart and what stands around it."""

    metric: str
    title: str  # for those who cannot see the chart
    subtitle: str
    svg: Markup
    legend: tuple[Entry, ...]
    target: str  # what the dashed line is; nothing where there is none
    at: str  # where the legend's values are taken
    data: Markup


def main_figures(experiment: Experiment) -> list[Figure]:
    """The metric that is judged, one chart for all arms that were scored alike, and the training loss."""
    figures = []
    for arms in _scored_alike(experiment.arms):
        figures.append(_figure(experiment, arms, arms[0].metric, POINTS, judged=True))
    losses = [name for name in _names(experiment) if name.startswith("train/") and name.endswith("loss")]
    shown = {arm.metric for arm in experiment.arms}
    loss = "train/loss" if "train/loss" in losses else next(iter(losses), None)
    if loss is not None and loss not in shown:
        figures.append(_figure(experiment, experiment.arms, loss, POINTS, judged=False))
    return [figure for figure in figures if figure is not None]


def further_figures(experiment: Experiment, shown: Sequence[Figure]) -> list[Figure]:
    """The other metrics, smaller; the first MOST_FURTHER by the order in which they were logged."""
    names = [name for name in _names(experiment) if name not in {figure.metric for figure in shown}]
    figures = (
        _figure(experiment, experiment.arms, name, POINTS_OF_MORE, judged=False, is_small=True)
        for name in names[:MOST_FURTHER]
    )
    return [figure for figure in figures if figure is not None]


def _names(experiment: Experiment) -> list[str]:
    """Every metric that was logged, evaluations first; how the time went is told elsewhere."""
    names = dict.fromkeys(name for arm in experiment.arms for run in arm.runs for name in run.curves)
    names.pop("time/seconds", None)
    return sorted(names, key=lambda name: not name.startswith("eval/"))


def _scored_alike(arms: Sequence[Arm]) -> list[list[Arm]]:
    """Arms by metric, unit and protocol: what was scored differently is never drawn in one chart."""
    groups: dict[tuple[str, str, str], list[Arm]] = {}
    protocols = [arm.target.protocol for arm in arms if arm.target]
    for arm in arms:
        protocol = arm.target.protocol if arm.target else next(iter(protocols), "")
        groups.setdefault((arm.metric, arm.unit, protocol), []).append(arm)
    return list(groups.values())


def _figure(
    experiment: Experiment, arms: Sequence[Arm], metric: str, points: int, *, judged: bool, is_small: bool = False
) -> Figure | None:
    """The chart of one metric over some arms; None where nobody logged it."""
    statistic: StatisticName = arms[0].statistic if judged else "mean"
    drawn = [(_series(arm, metric, statistic, points, is_small), arm) for arm in arms]
    # From top to bottom as the lines end, so that the legend has the order of the chart.
    drawn.sort(key=lambda pair: _end(pair[0]), reverse=True)
    series, arms = [each for each, _ in drawn], [arm for _, arm in drawn]
    indices = [experiment.arms.index(arm) for arm in arms]
    if not any(each.seeds for each in series):
        return None
    targets = {bound_of(arm.target) for arm in arms if arm.target} if judged else set()
    bound = targets.pop() if len(targets) == 1 else None
    last = max(int(curve.steps[-1]) for each in series for curve in each.seeds.values())
    title = f"{metric} of {experiment.name} over {count(last)} {arms[0].unit}"
    return Figure(
        metric=metric,
        title=title + (f", target {plain(bound)}" if bound is not None else ""),
        subtitle=_subtitle(series, statistic, value_scale(series, bound)),
        svg=line_chart(series, colours=indices, title=title, unit=arms[0].unit, bound=bound),
        legend=tuple(_entry(each, i, last, arm) for each, i, arm in zip(series, indices, arms)),
        target="" if bound is None else f"target {plain(bound)}",
        at=f"at {count(last)} {arms[0].unit}",
        data=hover_data(series, unit=arms[0].unit, bound=bound),
    )


def _series(arm: Arm, metric: str, statistic: StatisticName, points: int, is_small: bool) -> Series:
    curves = {run.seed: run.curves[metric] for run in arm.runs if metric in run.curves}
    curves = {seed: curve for seed, curve in curves.items() if np.isfinite(curve.values).any()}
    return Series(
        name=arm.label or _seeds_said(len(curves)),
        seeds={seed: thin(curve, points) for seed, curve in curves.items()},
        band=aggregate(curves, statistic, points),
        is_small=is_small,
    )


def _seeds_said(num_seeds: int) -> str:
    return "one seed" if num_seeds == 1 else f"{num_seeds} seeds"


def _end(series: Series) -> float:
    return float(series.band.centre[-1]) if series.band is not None else -math.inf


def _entry(series: Series, index: int, last: int, arm: Arm) -> Entry:
    """The arm's last value, at which step if that is not the chart's last, and whether seeds of it diverged."""
    band = series.band
    diverged = diverged_said(arm)
    if band is None:
        nothing = diverged or ("no common steps" if series.seeds else "nothing logged")
        return Entry(swatch(index), series.name, nothing)
    value = readout(band, len(band.steps) - 1)
    ended = int(band.steps[-1])
    parts = [value, "" if ended == last else f"at {count(ended)}", diverged]
    return Entry(swatch(index), series.name, " · ".join(filter(None, parts)))


def diverged_said(arm: Arm) -> str:
    """How many of an arm's seeds diverged, and at which step if all did; nothing where none did."""
    steps = [run.last_step for run in arm.runs if run.status.state == "diverged"]
    if not steps:
        return ""
    if len(steps) < len(arm.runs):
        return f"{len(steps)} diverged"
    return f"diverged at {range_said(steps)}"


def _subtitle(series: Sequence[Series], statistic: StatisticName, scale: Scale) -> str:
    most = max(len(each.seeds) for each in series)
    if most == 1:
        said = "One seed, so no interval."
    else:
        name = "Interquartile mean" if statistic == "iqm" else "Mean"
        said = f"{name} over seeds with its 95 % bootstrap interval"
        said += "; thin lines are single seeds." if any(each.drawn_seeds(len(series)) for each in series) else "."
    if any(each.band is not None and each.band.counts.min() < each.band.of for each in series):
        said += " Some seeds ended early; the line goes on with more than half of them."
    return said + (" Logarithmic scale." if scale.logarithmic else "") + _off_said(series, scale)


def _off_said(series: Sequence[Series], scale: Scale) -> str:
    """Which arms leave the scale, and how far; their first steps are told together."""
    ends, starts = [], False
    for each in series:
        band = each.band
        if band is None or scale.holds(band.centre):
            continue
        end = float(band.centre[-1])
        if scale.low <= end <= scale.high:
            starts = True
        else:
            ends.append(f"{each.name} ({number(end)} at the end)")
    parts = [listed(ends)] if ends else []
    parts += ["how lines begin"] if starts else []
    return f" Off the scale: {'; '.join(parts)}." if parts else ""
