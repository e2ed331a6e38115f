"""The charts of an experiment, each with its legend, which is also where values are read out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lab.report.arms import Arm, Experiment
from lab.report.charts import Series, hover_data, line_chart, readout, swatch, value_scale
from lab.report.curves import aggregate, thin
from lab.report.judge import bound_of
from lab.report.records import StatisticName
from lab.words import count, plain

POINTS, POINTS_OF_MORE = 180, 60  # kept of each curve: in the two main charts, and in the further ones
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
        _figure(experiment, experiment.arms, name, POINTS_OF_MORE, judged=False) for name in names[:MOST_FURTHER]
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


def _figure(experiment: Experiment, arms: Sequence[Arm], metric: str, points: int, *, judged: bool) -> Figure | None:
    """The chart of one metric over some arms; None where nobody logged it."""
    statistic: StatisticName = arms[0].statistic if judged else "mean"
    indices = [experiment.arms.index(arm) for arm in arms]
    series = [_series(arm, metric, statistic, points) for arm in arms]
    if not any(each.seeds for each in series):
        return None
    targets = {bound_of(arm.target) for arm in arms if arm.target} if judged else set()
    bound = targets.pop() if len(targets) == 1 else None
    last = max(int(curve.steps[-1]) for each in series for curve in each.seeds.values())
    title = f"{metric} of {experiment.name} over {count(last)} {arms[0].unit}"
    return Figure(
        metric=metric,
        title=title + (f", target {plain(bound)}" if bound is not None else ""),
        subtitle=_subtitle(series, statistic, value_scale(series, bound).logarithmic),
        svg=line_chart(series, colours=indices, title=title, unit=arms[0].unit, bound=bound),
        legend=tuple(_entry(each, i, last) for each, i in zip(series, indices)),
        target="" if bound is None else f"target {plain(bound)}",
        at=f"at {count(last)} {arms[0].unit}",
        data=hover_data(series, unit=arms[0].unit, bound=bound),
    )


def _series(arm: Arm, metric: str, statistic: StatisticName, points: int) -> Series:
    curves = {run.seed: run.curves[metric] for run in arm.runs if metric in run.curves}
    curves = {seed: curve for seed, curve in curves.items() if np.isfinite(curve.values).any()}
    return Series(
        name=arm.label or _seeds_said(len(curves)),
        seeds={seed: thin(curve, points) for seed, curve in curves.items()},
        band=aggregate(curves, statistic, points),
    )


def _seeds_said(num_seeds: int) -> str:
    return "one seed" if num_seeds == 1 else f"{num_seeds} seeds"


def _entry(series: Series, index: int, last: int) -> Entry:
    """The arm's last value, and at which step if that is not the chart's last."""
    band = series.band
    if band is None:
        return Entry(swatch(index), series.name, "no common steps" if series.seeds else "nothing logged")
    value = readout(band, len(band.steps) - 1)
    ended = int(band.steps[-1])
    return Entry(swatch(index), series.name, value if ended == last else f"{value} · at {count(ended)}")


def _subtitle(series: Sequence[Series], statistic: StatisticName, logarithmic: bool) -> str:
    most = max(len(each.seeds) for each in series)
    if most == 1:
        said = "One seed, so no interval."
    else:
        name = "Interquartile mean" if statistic == "iqm" else "Mean"
        said = f"{name} over seeds with its 95 % bootstrap interval; thin lines are single seeds."
    if any(each.band is not None and each.band.counts.min() < each.band.of for each in series):
        said += " Some seeds ended early; the line goes on with more than half of them."
    return said + (" Logarithmic scale." if logarithmic else "")
