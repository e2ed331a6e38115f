"""Engines: where the jobs of a launch are computed. Each starts the same idempotent job, one a run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lab.config import ConfigError
from lab.engines.engine import Engine, EngineError, Job
from lab.names import did_you_mean

__all__ = ["ENGINES", "Engine", "EngineError", "Job", "engine_of", "parsed_settings"]

ENGINES = {
    "local": "lab.engines.local",
    "slurm": "lab.engines.slurm",
    "ray": "lab.engines.ray",
}
"""By name: the module whose `engine(jobs, settings)` makes it. It is imported only when asked for."""


def engine_of(name: str, jobs: int | None = None, settings: Mapping[str, Any] | None = None) -> Engine:
    """The engine of that name, ready to start jobs; `jobs` is how many runs go at a time, None for its default.

    Raises ConfigError for an unknown name or setting, EngineError where its package is missing or it is away.
    """
    if name not in ENGINES:
        raise ConfigError(f"There is no engine {name!r} to run on. {did_you_mean(name, ENGINES)}")
    if jobs is not None and jobs < 1:
        raise ConfigError(f"jobs is {jobs}. It must be at least 1.")
    made: Engine = import_module(ENGINES[name]).engine(jobs, settings or {})
    return made


def parsed_settings(words: tuple[str, ...]) -> dict[str, Any]:
    """('partition=gpu', 'timeout_min=240') -> {'partition': 'gpu', 'timeout_min': 240}; values are JSON where they can.

    Raises ValueError for a word that is no KEY=VALUE, or a key that stands twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise ValueError(f"--with {word!r} is no setting. Write KEY=VALUE, such as partition=gpu.")
        if key in found:
            raise ValueError(f"--with gives {key} twice. Give it once.")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found
