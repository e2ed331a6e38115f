"""An experiment's arms beside each other: what each came to, on one scale, and what sets it apart from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab.report.arms import Difference, Experiment
from lab.report.charts import look, swatch
from lab.report.judge import Result
from lab.report.strips import strips


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An arm in that table."""

    look: str  # the classes of its colour
    swatch: Markup
    strip: Markup  # nothing where no seed has a score
    apart: tuple[tuple[str, str], ...]  # the settings, by dotted name, in which it is not like most


def compared(experiment: Experiment, results: Sequence[Result]) -> list[Compared]:
    """One an arm, in the order of the arms."""
    scored = [
        ([score.value for score in result.scores.values()], _ends(result), result.centre)
        for result in results
        if result.centre is not None
    ]
    drawings = iter(strips(scored))
    usual = shared(experiment.differences)
    return [
        Compared(
            look=look(i),
            swatch=swatch(i),
            strip=next(drawings) if result.centre is not None else Markup(""),
            apart=tuple(
                (each.setting, each.values[i])
                for each in experiment.differences
                if usual.get(each.setting) != each.values[i]
            ),
        )
        for i, result in enumerate(results)
    ]


def shared(differences: Sequence[Difference]) -> dict[str, str]:
    """Of settings that differ, the value that more than half of the arms have; none where no value is so frequent."""
    usual = {}
    for difference in differences:
        value, times = Counter(difference.values).most_common(1)[0]
        if times > len(difference.values) / 2:
            usual[difference.setting] = value
    return usual


def _ends(result: Result) -> tuple[float, float] | None:
    return (result.interval.low, result.interval.high) if result.interval else None
