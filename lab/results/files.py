"""Where results are kept: results/<name>.json in a repository, and RESULTS.md, which is made from them as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from lab.config import ConfigError, from_json, to_json
from lab.experiment import FOLDER, experiments, load
from lab.names import did_you_mean
from lab.results.page import Entry, page, summary
from lab.results.result import Result, ResultError

SCHEMA = "lab.result/1"


def repository(given: str | Path | None = None) -> Path:
    """Where results are kept: the given folder, or the lab's checkout, or the current folder if it runs from none."""
    if given:
        return Path(given).expanduser()
    checkout = FOLDER.parent
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def write_result(root: Path, result: Result) -> Path:
    """Writes a result's file, in place of an earlier one's, and returns its path."""
    path = root / "results" / f"{result.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {field.name: to_json(getattr(result, field.name)) for field in fields(result) if field.name != "config"}
    path.write_text(json.dumps({"schema": SCHEMA, **said, "config": result.config}, indent=1) + "\n")
    return path


def read_results(root: Path) -> list[Result]:
    """Every recorded result, by name. Raises ResultError for a file that is none."""
    return [_read(path) for path in sorted((root / "results").glob("*.json"))]


def write_page(root: Path) -> str:
    """Writes RESULTS.md anew; returns its path and what it comes to, in a line."""
    told = entries(root)
    path = root / "RESULTS.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(told))
    return f"{path}: {summary(told)}"


def entries(root: Path) -> list[Entry]:
    """Every recorded result, and every experiment in the repository that states a target and has none.

    Raises ResultError for the result of an experiment that is gone.
    """
    results, known = read_results(root), experiments()
    for result in results:
        if result.experiment not in known:
            raise ResultError(
                f"{root / 'results' / result.name}.json is the result of {result.experiment!r}, but there is no such "
                f"experiment. {did_you_mean(result.experiment, known)} Rename or remove the file, or name the "
                "experiment's folder in $LAB_EXPERIMENTS."
            )
    recorded = [Entry(load(result.experiment), result) for result in results]
    inside = [name for name, listing in known.items() if root.resolve() in listing.path.resolve().parents]
    without = [load(name) for name in inside if name not in {result.experiment for result in results}]
    return [*recorded, *(Entry(experiment, None) for experiment in without if experiment.target is not None)]


def _read(path: Path) -> Result:
    try:
        said = json.loads(path.read_text())
        schema, config = said.pop("schema"), said.pop("config")
        result = replace(from_json(Result, said), config=config)
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(path, str(error)) from error
    if schema != SCHEMA or not isinstance(config, Mapping) or path.stem != result.name:
        raise _unreadable(path, f"schema {schema!r} and a result of {result.name!r}")
    return result


def _unreadable(path: Path, why: str) -> ResultError:
    return ResultError(
        f"{path} is no recorded result of the schema {SCHEMA!r} ({why}). Restore it from git, or record it "
        f"again: lab verify {path.stem.partition('--')[0]} --record."
    )
