"""`lab list` and `lab runs`: what can be launched, and what was."""

from __future__ import annotations

import json
import shutil
from typing import Any

from lab.cli.arguments import Parser, table
from lab.cli.scores import first_metric, last_evaluation, said
from lab.experiment import experiments
from lab.interventions import interventions
from lab.names import did_you_mean
from lab.store import RunDirectory, RunError, find_runs, runs_folder


def list_command(words: list[str]) -> int:
    """`lab list`: reads docstrings and imports nothing, so it answers at once."""
    parser = Parser("list", "List every experiment with its first line. `lab run NAME --help` lists its settings.")
    parser.add_json()
    given = parser.parse_args(words)
    found = sorted(experiments().values(), key=lambda item: (item.wing, item.name))
    if given.json:
        items = [{"name": e.name, "wing": e.wing, "summary": e.summary, "path": str(e.path)} for e in found]
        print(json.dumps(items, indent=1))
        return 0
    width = max((len(item.name) for item in found), default=0)
    room = shutil.get_terminal_size((110, 24)).columns - width - 4
    for wing in dict.fromkeys(item.wing for item in found):
        print(wing or "your own")
        for item in (e for e in found if e.wing == wing):
            summary = item.summary if len(item.summary) <= room else item.summary[: room - 1] + "…"
            print(f"  {item.name:<{width}}  {summary}")
    return 0


def runs_command(words: list[str]) -> int:
    """`lab runs`: a line a run, newest last row included."""
    parser = Parser("runs", "List the runs there are: how far each is and what it scored at its last evaluation.")
    parser.add_argument("experiments", nargs="*", metavar="NAME", help="only these experiments (default: all)")
    parser.add_runs_dir()
    parser.add_json()
    given = parser.parse_args(words)
    folder = runs_folder(given.runs_dir)
    told = [_told(directory) for directory in find_runs(folder)]
    known = {item["experiment"] for item in told}
    for name in given.experiments:
        if name not in known:
            raise ValueError(f"There is no run of {name!r} under {folder}. {did_you_mean(name, known)}")
    if given.experiments:
        told = [item for item in told if item["experiment"] in given.experiments]
    if given.json:
        print(json.dumps(told, indent=1))
    elif not told:
        print(f"There are no runs under {folder}. `lab list` shows what can be launched.")
    else:
        print(table(["run", "variant", "state", "step", "budget", "last evaluation"], [_row(item) for item in told]))
    return 0


def _told(directory: RunDirectory) -> dict[str, Any]:
    """What `lab runs` says of a run. A damaged one is told as such instead of hiding the others."""
    experiment, where, seed = directory.path.parts[-3:]
    item: dict[str, Any] = {
        "run": f"{experiment}/{where}/{seed}",
        "experiment": experiment,
        "path": str(directory.path),
    }
    try:
        record, status, rows = directory.record(), directory.status(), directory.rows()
        nursed = [each.step for each in interventions(directory)]
    except (RunError, ValueError) as error:
        nothing: dict[str, Any] = {"variant": None, "seed": None, "step": 0, "budget": 0, "unit": "", "evaluation": {}}
        return item | nothing | {"nursed": [], "state": "damaged", "error": str(error)}
    evaluation = last_evaluation(rows, first_metric(directory))
    return item | {
        "variant": record["variant"], "seed": record["seed"], "state": status["state"], "step": status["step"],
        "budget": status["budget"], "unit": status["unit"], "error": status["error"], "evaluation": evaluation,
        "nursed": nursed,
    }  # fmt: skip


def _row(item: dict[str, Any]) -> list[Any]:
    scores, error = said(item["evaluation"]), (item["error"] or "").partition("\n")[0]
    state = f"{item['state']}, nursed" if item["nursed"] else item["state"]
    return [item["run"], item["variant"] or "", state, item["step"], item["budget"], scores or error]
