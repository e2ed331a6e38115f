"""What the record of a run says of how the run is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stated:
    """What a run's experiment says of how it is scored."""

    metrics: Sequence[str] = ()  # the one to go by first
    lower: Sequence[str] = ()  # those that are better where they are lower
    steps: int | None = None  # none: the run's own budget
    protocol: str = ""


def stated_of(record: Mapping[str, Any]) -> Stated:
    """How its arms are compared, or else its target: one arm of several may have one that the others lack."""
    if compared := record.get("compared"):
        return Stated(compared["metrics"], compared["lower"], compared["steps"], compared["protocol"])
    if target := record.get("target"):
        metrics = [target["metric"]]
        return Stated(metrics, metrics if target["at_most"] is not None else [], target["steps"], target["protocol"])
    return Stated()
