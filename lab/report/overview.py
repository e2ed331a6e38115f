"""The head of the page: what ran, when, on what, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.report.arms import Experiment
from lab.report.records import Run, as_text
from lab.words import duration, listed, moment, parse_time


@dataclass(frozen=True)
class Overview:
    """The page's title, its first sentence, and facts as (term, values)."""

    title: str
    lead: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]


def overview(experiments: Sequence[Experiment]) -> Overview:
    runs = [run for experiment in experiments for run in experiment.runs]
    if not runs:
        return Overview("Nothing has run yet", "The runs folder holds no runs.", ())
    names = "experiment" if len(experiments) == 1 else "experiments"
    facts = [
        ("When", _when(runs)),
        ("Cost", cost(runs)),
        ("Machine", _different(runs, _machine)),
        ("Device", _different(runs, _device)),
        ("Software", _different(runs, _software)),
        ("Code", _different(runs, _code)),
    ]
    title = experiments[0].name if len(experiments) == 1 else f"{len(experiments)} {names}"
    return Overview(f"Results of {title}", _lead(runs), tuple(fact for fact in facts if fact[1]))


def _lead(runs: Sequence[Run]) -> str:
    states = Counter(run.status.state for run in runs)
    if states["finished"] == len(runs):
        return "The one run finished." if len(runs) == 1 else f"All {len(runs)} runs finished."
    order = ("finished", "diverged", "failed", "interrupted", "running", "unknown")
    said = {"unknown": "left no readable status", "running": "still going", "failed": "failed"}
    parts = [f"{states[state]} {said.get(state, state)}" for state in order if states[state]]
    return f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}: {listed(parts)}."


def _when(runs: Sequence[Run]) -> tuple[str, ...]:
    times = sorted(time for run in runs if (time := parse_time(run.status.updated)))
    if not times:
        return ()
    first, last = moment(times[0]), moment(times[-1])
    return (f"ended {last}",) if first == last else (f"first to end: {first}", f"last: {last}")


def cost(runs: Sequence[Run]) -> tuple[str, ...]:
    """The time of all runs added up; nothing where none is known. Energy is not: side by side, runs share devices."""
    total = sum(run.seconds for run in runs)
    return (f"{duration(total)} of training and judging, all runs added up",) if total else ()


def _different(runs: Sequence[Run], say: Callable[[dict[str, Any]], str]) -> tuple[str, ...]:
    """What `say` makes of the runs' environments: each different answer, the most frequent first."""
    answers = Counter(answer for run in runs if (answer := say(dict(run.environment))))
    if len(answers) < 2:
        return tuple(answers)
    return tuple(f"{answer} ({times} {'run' if times == 1 else 'runs'})" for answer, times in answers.most_common())


def _machine(environment: dict[str, Any]) -> str:
    hardware = environment.get("hardware")
    if not isinstance(hardware, dict):
        return ""
    cores = as_text(hardware.get("cores"))
    parts = [as_text(hardware.get("cpu")), f"{cores} cores" if cores else "", as_text(hardware.get("gpu"))]
    return ", ".join(part for part in parts if part)


def _device(environment: dict[str, Any]) -> str:
    parts = [as_text(environment.get("device"))]
    threads, deterministic = environment.get("threads"), environment.get("deterministic")
    if threads is not None:
        parts.append("1 thread" if threads == 1 else f"{as_text(threads)} threads")
    if deterministic is not None:
        parts.append("deterministic kernels" if deterministic else "kernels not held to be deterministic")
    return ", ".join(part for part in parts if part)


def _software(environment: dict[str, Any]) -> str:
    versions = environment.get("versions")
    if not isinstance(versions, dict):
        return ""
    return ", ".join(f"{as_text(n)} {as_text(v)}" for n, v in versions.items() if v and v != "not installed")


def _code(environment: dict[str, Any]) -> str:
    commit = as_text(environment.get("commit"))
    if not commit:
        return ""
    changed = " with uncommitted changes" if environment.get("diff") or environment.get("untracked") else ""
    return f"commit {commit[:10]}{changed}"
