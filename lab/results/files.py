"""Where results are kept: in a repository's results/<name>.json, comparisons of arms in results/compared/<name>.json,
and RESULTS.md, which is made from all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from lab.config import ConfigError, from_json, to_json
from lab.experiment import FOLDER, Experiment, Listing, experiments, load
from lab.names import did_you_mean
from lab.results.comparison import ComparisonResult
from lab.results.page import Entry, page, summary
from lab.results.result import Result, ResultError
from lab.writing import held, written_aside

SCHEMA = "lab.result/1"
COMPARISON_SCHEMA = "lab.comparison/1"
R = TypeVar("R", Result, ComparisonResult)


def repository(given: str | Path | None = None) -> Path:
    """Where results are kept: the given folder, or the lab's checkout, or the current folder if it runs from none.

    Raises ResultError for a given folder that is not there.
    """
    if given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise ResultError(f"There is no folder {folder}. Name the one that holds results/.")
        return folder
    checkout = FOLDER.parent
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def write_result(root: Path, result: Result) -> Path:
    """Writes a result's file, in place of an earlier one's, and returns its path."""
    return _write(root / "results" / f"{result.name}.json", result, SCHEMA, "config")


def write_comparison(root: Path, result: ComparisonResult) -> Path:
    """Writes a comparison's file, in place of an earlier one's, and returns its path."""
    return _write(root / "results" / "compared" / f"{result.name}.json", result, COMPARISON_SCHEMA, "configs")


def read_comparisons(root: Path) -> list[ComparisonResult]:
    """Every recorded comparison, by name. Raises ResultError for a file that is none."""
    return [
        _read(path, ComparisonResult, COMPARISON_SCHEMA, "configs", f"lab compare {path.stem} --record")
        for path in sorted((root / "results" / "compared").glob("*.json"))
    ]


def read_results(root: Path) -> list[Result]:
    """Every recorded result, by name. Raises ResultError for a file that is none."""
    return [
        _read(path, Result, SCHEMA, "config", f"lab verify {path.stem.partition('--')[0]} --record")
        for path in sorted((root / "results").glob("*.json"))
    ]


def write_page(root: Path) -> str:
    """Writes RESULTS.md anew; returns its path and what it comes to, in a line."""
    path = root / "RESULTS.md"
    root.mkdir(parents=True, exist_ok=True)
    with held(root):  # or of two at once, the one that read first might write last
        told = entries(root)
        with written_aside(path) as file:
            file.write(page(told, comparisons(root)).encode())
    return f"{path}: {summary(told)}"


def entries(root: Path) -> list[Entry]:
    """Every recorded result, and every experiment in the repository that states a target and has none.

    Raises ResultError for the result of an experiment that is gone.
    """
    results, known = read_results(root), experiments()
    for result in results:
        _refuse_unknown(root / "results" / f"{result.name}.json", result.experiment, known)
    recorded = [Entry(load(result.experiment), result) for result in results]
    without = [load(name) for name in _inside(root, known) if name not in {result.experiment for result in results}]
    return [*recorded, *(Entry(experiment, None) for experiment in without if experiment.target is not None)]


def comparisons(root: Path) -> list[tuple[Experiment, ComparisonResult | None]]:
    """Every experiment in the repository whose arms are compared, with what is recorded of it.

    Raises ResultError for the comparison of an experiment that is gone.
    """
    results, known = read_comparisons(root), experiments()
    for result in results:
        _refuse_unknown(root / "results" / "compared" / f"{result.experiment}.json", result.experiment, known)
    recorded = {result.experiment: result for result in results}
    loaded = [load(name) for name in dict.fromkeys([*_inside(root, known), *recorded])]
    return [
        (experiment, recorded.get(experiment.name))
        for experiment in loaded
        if experiment.compared is not None or experiment.name in recorded
    ]


def _inside(root: Path, known: Mapping[str, Listing]) -> list[str]:
    """The experiments that lie in the repository."""
    return [name for name, listing in known.items() if root.resolve() in listing.path.resolve().parents]


def _refuse_unknown(path: Path, experiment: str, known: Mapping[str, Listing]) -> None:
    if experiment not in known:
        raise ResultError(
            f"{path} is the result of {experiment!r}, but there is no such experiment. "
            f"{did_you_mean(experiment, known)} Rename or remove the file, or name the experiment's folder in "
            "$LAB_EXPERIMENTS."
        )


def _write(path: Path, result: Result | ComparisonResult, schema: str, apart: str) -> Path:
    """What `_read` reads; what `apart` holds is JSON already."""
    said = {field.name: to_json(getattr(result, field.name)) for field in fields(result) if field.name != apart}
    with written_aside(path) as file:
        file.write((json.dumps({"schema": schema, **said, apart: getattr(result, apart)}, indent=1) + "\n").encode())
    return path


def _read(path: Path, kind: type[R], schema: str, apart: str, again: str) -> R:
    """The recorded result in a file; its field `apart` holds settings, as JSON. `again` is the command that records."""
    try:
        said = json.loads(path.read_text())
        found, settings = said.pop("schema"), said.pop(apart)
        result = replace(from_json(kind, said), **{apart: settings})
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(path, str(error), schema, again) from error
    if found != schema or not isinstance(settings, Mapping) or path.stem != result.name:
        raise _unreadable(path, f"schema {found!r} and a result of {result.name!r}", schema, again)
    return result


def _unreadable(path: Path, why: str, schema: str, again: str) -> ResultError:
    return ResultError(
        f"{path} is no recorded result of the schema {schema!r} ({why}). Restore it from git, or record it again: "
        f"{again}."
    )
