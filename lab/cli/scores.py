"""The last evaluation of a run in a few words, the metric that it is judged by first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.cli.arguments import number
from lab.stated import stated_of
from lab.store import RunDirectory

MOST = 3  # metrics that a line has room for


def first_metric(directory: RunDirectory) -> str:
    """The metric that a run is judged by before all, as in metrics.jsonl; nothing where its experiment says none."""
    return next(iter(stated_of(directory.record() if directory.exists() else {}).metrics), "")


def last_evaluation(rows: Sequence[Mapping[str, Any]], first: str) -> dict[str, Any]:
    """The metrics of the last row with an evaluation, `first` before the others."""
    for row in reversed(rows):
        found = {key: value for key, value in row.items() if key.startswith("eval/")}
        if found:
            return dict(sorted(found.items(), key=lambda item: item[0] != first))
    return {}


def said(evaluation: Mapping[str, Any]) -> str:
    """'test_accuracy 0.9833, dev_loss 0.09': the first few."""
    return ", ".join(f"{key.removeprefix('eval/')} {number(value)}" for key, value in list(evaluation.items())[:MOST])
