"""Reads run directories, whole or half-written, into records. What cannot be read is told, never guessed."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.interventions import Intervention, interventions
from lab.names import did_you_mean
from lab.report.records import (
    KNOWN_STATES,
    Curve,
    Medium,
    Run,
    Status,
    as_count,
    as_number,
    as_text,
    parse_target,
)
from lab.store import DIVERGED, RunDirectory, RunError

_SEED = re.compile(r"seed-(\d+)")
_MEDIUM = re.compile(r"(\d+)-(.+)\.(?:png|gif|mp4|txt)")
_SHOWN = (".png", ".gif", ".mp4")  # beside one of these a text is its caption
_NO_NUMBER = {
    "nan",
    "inf",
    "-inf",
    "NaN",
    "Infinity",
    "-Infinity",
}  # how a tracker may spell it in strict JSON


def gather(runs_dir: Path, experiments: Sequence[str] | None = None) -> list[Run]:
    """Every run below `runs_dir`, by experiment, configuration and seed; of the named experiments only, if any.

    Raises ValueError when the folder is not there, and when a named experiment has left no run in it.
    """
    if not runs_dir.is_dir():
        raise ValueError(
            f"{runs_dir} is no folder, so there are no runs to report. "
            "Launch an experiment first, or name the folder that holds the runs."
        )
    found = sorted((p for p in runs_dir.glob("*/*/seed-*") if _SEED.fullmatch(p.name) and p.is_dir()), key=_order)
    if experiments is not None:
        known = {path.parent.parent.name for path in found}
        for name in experiments:
            if name not in known:
                raise ValueError(f"{runs_dir} holds no run of {name!r}. {did_you_mean(name, known)}")
        found = [path for path in found if path.parent.parent.name in experiments]
    return [read_run(path, runs_dir) for path in found]


def count_set_aside(runs_dir: Path) -> int:
    """How many earlier runs a fresh start has kept, under seed-<n>~<k>. The report passes them over."""
    return sum(1 for _ in runs_dir.glob("*/*/seed-*~*"))


def _order(path: Path) -> tuple[str, str, int]:
    return path.parent.parent.name, path.parent.name, int(path.name.removeprefix("seed-"))


def read_run(directory: Path, runs_dir: Path) -> Run:
    """The record of one run directory, laid out as runs/<experiment>/<hash>/seed-<n>."""
    problems: list[str] = []
    config = _read_object(directory / "config.json", problems)
    schema = config.get("schema")
    if config and schema != "lab.run/1":
        problems.append(f"config.json is of schema {schema!r}; this page reads 'lab.run/1' and may miss something.")
    status = _read_status(directory / "status.json", problems)
    command = config.get("command")
    settings = config.get("config")
    nursed = _interventions(directory, problems)
    return Run(
        place=directory.relative_to(runs_dir).as_posix(),
        experiment=directory.parent.parent.name,
        variant=as_text(config.get("variant")),
        address=directory.parent.name,
        seed=int(directory.name.removeprefix("seed-")),
        unit=as_text(config.get("unit")) or status.unit or "steps",
        summary=as_text(config.get("summary")),
        command=shlex.join(map(as_text, command)) if isinstance(command, list) else as_text(command),
        config=settings if isinstance(settings, dict) else {},
        target=None if nursed else parse_target(config.get("target"), problems),
        status=status,
        curves=_read_metrics(directory / "metrics.jsonl", problems),
        environment=_read_object(directory / "environment.json", problems),
        media=_latest_media(directory / "media"),
        problems=tuple(problems),
        nursed=nursed,
    )


def _interventions(directory: Path, problems: list[str]) -> tuple[Intervention, ...]:
    try:
        return tuple(interventions(RunDirectory(directory)))
    except (RunError, OSError, UnicodeDecodeError) as error:
        problems.append(str(error))
        return ()


def _read_object(path: Path, problems: list[str]) -> dict[str, Any]:
    text = _read_text(path, problems)
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(f"{path.name} is no whole JSON ({error}); it was probably being written.")
        return {}
    if not isinstance(value, dict):
        problems.append(f"{path.name} holds no JSON object.")
        return {}
    return value


def _read_text(path: Path, problems: list[str]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.append(f"{path.name} is missing.")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path.name} cannot be read: {error}.")
    return None


def _read_status(path: Path, problems: list[str]) -> Status:
    raw = _read_object(path, problems)
    state, error = raw.get("state"), as_text(raw.get("error"))
    if state == "running" and _abandoned(path.parent):
        state, error = (
            "interrupted",
            "its process ended without a word: it was killed, or the machine went down",
        )
    if raw and state not in KNOWN_STATES:
        problems.append(f"status.json gives the state {state!r}, which this page does not know.")
    known = state if state in KNOWN_STATES else "unknown"
    return Status(
        state="diverged" if known == "failed" and error.startswith(DIVERGED) else known,
        step=as_count(raw.get("step")),
        budget=as_count(raw.get("budget")),
        unit=as_text(raw.get("unit")),
        error=error,
        updated=as_text(raw.get("updated")),
        joules=_joules(raw.get("joules")),
    )


def _joules(raw: Any) -> dict[str, float]:
    """Those that are numbers."""
    known = {as_text(name): as_number(value) for name, value in raw.items()} if isinstance(raw, dict) else {}
    return {name: value for name, value in known.items() if value is not None}


def _abandoned(directory: Path) -> bool:
    """Whether no process works in a directory whose run was left as running."""
    try:
        return not RunDirectory(directory).locked()
    except OSError:  # no right to look, as in somebody else's folder: what status.json says stands
        return False


def _read_metrics(path: Path, problems: list[str]) -> dict[str, Curve]:
    """The curve of each metric. Where a step stands twice, its last row counts."""
    text = _read_text(path, problems)
    if text is None:
        return {}
    if not text.strip():
        problems.append("metrics.jsonl is empty: nothing was logged yet.")
        return {}
    rows: dict[int, dict[str, Any]] = {}
    unreadable: list[int] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        row = _parse_row(line)
        if row is not None:
            rows.setdefault(row["step"], {}).update(row)
        elif line.strip():
            unreadable.append(number)
    # Each row ends with a line break, so what follows the last break was cut off while it was written.
    if unreadable and unreadable[-1] == len(lines):
        unreadable.pop()
        problems.append("The last line of metrics.jsonl is torn, as a kill leaves it, and was passed over.")
    if unreadable:
        which = ", ".join(map(str, unreadable[:5])) + (", …" if len(unreadable) > 5 else "")
        problems.append(f"metrics.jsonl: {len(unreadable)} unreadable lines were passed over (line {which}).")
    return _curves(rows)


def _parse_row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = as_count(row.get("step")) if isinstance(row, dict) else None
    return None if step is None else row | {"step": step}


def _curves(rows: dict[int, dict[str, Any]]) -> dict[str, Curve]:
    """Each metric's numbers by step; whatever is written for a number that is none, such as null, becomes nan."""
    points: dict[str, tuple[list[int], list[float]]] = {}
    for step in sorted(rows):
        for name, value in rows[step].items():
            if type(value) is not float:  # most values are floats, and there may be millions of them
                if not _stands_for_a_number(value) or name == "step":
                    continue
                number = as_number(value)
                value = math.nan if number is None else number
            steps, values = points.setdefault(name, ([], []))
            steps.append(step)
            values.append(value)
    return {name: _curve(steps, values) for name, (steps, values) in points.items()}


def _stands_for_a_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _NO_NUMBER
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _curve(steps: list[int], values: list[float]) -> Curve:
    numbers = np.array(values)
    return Curve(np.array(steps, dtype=np.int64), np.where(np.isfinite(numbers), numbers, np.nan))


def _caption(path: Path) -> str:
    return path.read_text(errors="replace").strip() if path.is_file() else ""


def _latest_media(folder: Path) -> tuple[Medium, ...]:
    """The newest file of each name and kind: the last step wins. A text beside a picture or clip is its caption."""
    latest: dict[tuple[str, str], Medium] = {}
    for path in sorted(folder.glob("*")):
        match = _MEDIUM.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        is_text = path.suffix == ".txt"
        if is_text and any(path.with_suffix(ending).exists() for ending in _SHOWN):
            continue
        caption = "" if is_text else _caption(path.with_suffix(".txt"))
        numbers = path.with_suffix(".json")
        medium = Medium(
            name=match[2], step=int(match[1]), path=path, caption=caption,
            numbers=numbers if path.suffix == ".png" and numbers.is_file() else None,
        )  # fmt: skip
        known = latest.get((medium.name, path.suffix))
        if known is None or known.step <= medium.step:
            latest[medium.name, path.suffix] = medium
    return tuple(latest.values())
