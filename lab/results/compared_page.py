"""The part of RESULTS.md that compares the arms of experiments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, median

import numpy as np

from lab.experiment import Compared, Experiment
from lab.results.comparison import ComparisonResult, outdated_comparison
from lab.results.words import days, number, seeds_said, short, stood_on
from lab.statistics import bootstrap_interval
from lab.words import count, duration


def compared_part(found: Sequence[tuple[Experiment, ComparisonResult | None]]) -> Iterator[str]:
    """A table for each, in the order of wings and names; nothing where there is none."""
    if not found:
        return
    yield "\n## Comparisons\n"
    yield (
        "Means over seeds with their 95 % bootstrap intervals; of columns with ↓ lower is better. "
        "`lab compare NAME --record` adds one."
    )
    for experiment, result in sorted(found, key=lambda each: (each[0].listing.wing, each[0].name)):
        yield f"\n### `{experiment.name}`\n\n{experiment.listing.summary}\n"
        if result is None:
            yield f"**Open**: {_protocol(experiment.compared, 'steps')}"
            continue
        if why := outdated_comparison(result, experiment):
            yield f"**Outdated**: {why}.\n"
        yield from _table(result)
        yield f"\n- protocol: {_protocol(result.compared, result.unit)}"
        yield f"- measured {days([item.finished for arm in result.arms for item in arm.seeds])}"
        for stand in result.stands:
            yield f"- {seeds_said(stand.seeds)}: {stood_on(stand)}"


def _protocol(compared: Compared | None, unit: str) -> str:
    assert compared is not None  # an experiment without it has no part here
    budget = f"{count(compared.steps)} {unit}" if compared.steps else "each arm's own budget"
    return f"{compared.protocol}; after {budget}, over at least {compared.seeds} seeds"


def _table(result: ComparisonResult) -> Iterator[str]:
    lower = result.compared.lower
    metrics = [f"{short(metric)}{' ↓' * (metric in lower)}" for metric in result.compared.metrics]
    budgets = [] if result.compared.steps else [result.unit]  # a column where arms have budgets of their own
    rows = [("arm", *metrics, *budgets, "seeds", "a seed takes")]
    rows.append(("---",) * len(rows[0]))
    for arm in result.arms:
        columns = zip(*(item.scores for item in arm.seeds))
        took = duration(median(item.seconds for item in arm.seeds))
        budget = () if arm.steps is None else (count(arm.steps),)
        rows.append((arm.arm, *map(_said, columns), *budget, str(len(arm.seeds)), took))
    if result.compared.averaged:
        # One number a seed, the mean over its arms: arms are not seeds, and their spread is none of chance.
        by_seed = zip(*(arm.seeds for arm in result.arms))
        means = [[fmean(column) for column in zip(*(item.scores for item in items))] for items in by_seed]
        rows.append(("*mean of the arms*", *map(_said, zip(*means)), *[""] * len(budgets), str(len(means)), ""))
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _said(scores: Sequence[float]) -> str:
    interval = bootstrap_interval(list(scores), np.mean)
    ends = f" [{number(interval.low, 4)}, {number(interval.high, 4)}]" if len(scores) > 1 else ""
    return f"{number(interval.estimate, 4)}{ends}"
