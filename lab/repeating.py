"""Whether a run comes out the same again, and in what two runs differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.cadence import Moments, give
from lab.config import differences
from lab.engines.child import devices_of
from lab.interventions import Intervention, copy, interventions
from lab.job import read
from lab.launching import launch_configs, prepare
from lab.provenance import changes
from lab.run import Progress
from lab.store import RunDirectory, RunError, find_runs

FOLDER = "rerun"  # in the run's directory


@dataclass(frozen=True)
class Parting:
    """The first logged value that is not the same in two runs; None where a run has no such value."""

    step: int
    metric: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class Repeat:
    """What came of repeating a run."""

    original: RunDirectory
    again: RunDirectory
    identical: bool  # the whole state at the end, and every logged value but the times
    parting: Parting | None
    changed: Sequence[str]  # what of code, libraries and machine is not as it was


def rerun(directory: RunDirectory, watch: Callable[[Progress], None] = lambda progress: None) -> Repeat:
    """Runs again what a finished run's directory says, to the step that it came to, and holds the two together.

    What was changed by hand is changed again at the same steps, and it logs and judges where the run did, whose budget
    or cadence may have been another in each of its attempts. The repeat lies in the run's directory under `rerun`,
    and takes the place of an earlier one. Raises RunError for a run that has not finished, for a repeat that does not,
    and where an earlier repeat is still going or cannot be removed.
    """
    status = directory.status()
    if status["state"] != "finished" or "state_sha256" not in status:
        raise RunError(
            f"{directory.path} is {status['state']} at step {status['step']}, so there is no end to hold a repeat to. "
            "Let it finish first: the command that launched it goes on with it."
        )
    record, experiment, config = read(directory, exactly=False)
    stood_on = directory.environment()
    options = replace(
        config.run,
        steps=status["step"],
        minutes=None,
        threads=config.run.threads or stood_on.get("threads"),
        wandb="off",
    )
    folder = directory.path / FOLDER
    _remove(folder)
    variant, settings = record.get("variant") or "", replace(config, run=options)
    devices = devices_of(directory)
    again = prepare(experiment, variant, settings, record["seed"], folder, fresh=False, devices=devices)
    copy(directory, again)
    give(again, Moments.of(directory.rows()))
    (repeated,) = launch_configs(
        experiment, [(variant, settings)], [record["seed"]], devices=devices, runs_dir=folder,
        watch=lambda _, news: watch(news) if isinstance(news, Progress) else None,
    )  # fmt: skip
    if (repeated.state, repeated.did) != ("finished", "ran"):
        raise RunError(f"The repeat in {again.path} did not finish: {repeated.error or repeated.state}.")
    parting = first_parting(directory.rows(), again.rows())
    return Repeat(
        original=directory,
        again=again,
        identical=again.status()["state_sha256"] == status["state_sha256"] and parting is None,
        parting=parting,
        changed=changes(stood_on, again.environment()) if stood_on else ["what the run stood on was not written down"],
    )


def _remove(folder: Path) -> None:
    """Removes an earlier repeat: what is left of one would be taken for the new one."""
    for earlier in find_runs(folder):
        if earlier.locked():
            raise RunError(f"{earlier.path} is being run by another `lab rerun`. Wait for it, or stop it first.")
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise RunError(f"The earlier repeat in {folder} cannot be removed ({error}). Remove it by hand.") from error


def first_parting(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> Parting | None:
    """The first value, by step, that two runs' rows do not share; times are left out."""
    by_step = [{row["step"]: row for row in rows} for rows in (ours, theirs)]
    for step in sorted({*by_step[0], *by_step[1]}):
        mine, other = (rows.get(step, {}) for rows in by_step)
        for metric in dict.fromkeys([*mine, *other]):
            if not metric.startswith("time/") and mine.get(metric) != other.get(metric):
                return Parting(step, metric, mine.get(metric), other.get(metric))
    return None


@dataclass(frozen=True)
class Difference:
    """In what two runs differ."""

    settings: Mapping[str, tuple[Any, Any]]  # by dotted name
    nursed: tuple[Sequence[Intervention], Sequence[Intervention]]  # what was changed by hand in each
    stood_on: Sequence[str]  # code, libraries, machine
    parting: Parting | None
    last: Mapping[str, tuple[Any, Any]]  # the last judgement of both, by metric


def difference(ours: RunDirectory, theirs: RunDirectory) -> Difference:
    """Of two runs, whatever became of them. Raises RunError for a directory that holds none."""
    records, rows = (ours.record(), theirs.record()), (ours.rows(), theirs.rows())
    settings = {
        name: (records[0].get(name), records[1].get(name))
        for name in ("experiment", "variant", "seed")
        if records[0].get(name) != records[1].get(name)
    } | differences(records[0]["config"], records[1]["config"])
    stood_on = ours.environment(), theirs.environment()
    judged: list[dict[str, Any]] = [
        next((row for row in reversed(each) if any(map(_judges, row))), {}) for each in rows
    ]
    metrics = [key for key in dict.fromkeys([*judged[0], *judged[1]]) if _judges(key)]
    return Difference(
        settings=settings,
        nursed=(interventions(ours), interventions(theirs)),
        stood_on=changes(*stood_on) if all(stood_on) else [],
        parting=first_parting(*rows),
        last={"step": (judged[0].get("step"), judged[1].get("step"))}
        | {metric: (judged[0].get(metric), judged[1].get(metric)) for metric in metrics},
    )


def _judges(metric: str) -> bool:
    return metric.startswith("eval/")
