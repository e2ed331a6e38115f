"""Run directories as a run leaves them, written without one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.store import RunDirectory

TARGET = {
    "metric": "eval/return", "at_least": 9.0, "at_most": None, "steps": 100, "statistic": "iqm", "seeds": 2,
    "protocol": "mean return of 5 episodes; 2 seeds", "source": "nobody", "published": None,
}  # fmt: skip


def written(
    runs: Path,
    experiment: str,
    seed: int,
    values: Mapping[int, float | None],
    *,
    metric: str = "eval/return",
    address: str = "0123456789",
    variant: str | None = None,
    target: Mapping[str, Any] | None = TARGET,
    compared: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    state: str = "finished",
    error: str | None = None,
) -> RunDirectory:
    """A run that was judged so at these steps; a value of None was not finite."""
    directory = RunDirectory.at(runs, experiment, address, seed)
    directory.write_record({
        "experiment": experiment, "variant": variant, "seed": seed, "hash": address, "unit": "paces",
        "command": f"lab run {experiment} --seeds {seed}",
        "target": target, "compared": compared, "config": {"run": {"steps": max(values)}, **(config or {})},
    })  # fmt: skip
    rows = [{"step": step, metric: value} for step, value in values.items()]
    directory.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    directory.write_status(state, step=max(values), budget=max(values), unit="paces", error=error)
    return directory
