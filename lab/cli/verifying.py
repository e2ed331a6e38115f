"""`lab verify`: runs an experiment's seeds and holds the result to its published number."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.cli import UsageError
from lab.cli.arguments import parse_seeds, table
from lab.cli.running import exit_code, launch_shown, report_written, settings_of, split_names
from lab.config import address
from lab.experiment import Experiment, Target, load
from lab.interventions import refuse_nursed
from lab.launching import Launched, check_variants
from lab.results import (
    ResultError,
    changed_settings,
    refuse_changed,
    repository,
    result_of,
    shaping,
    write_page,
    write_result,
)
from lab.store import RunDirectory, runs_folder
from lab.verdict import Verdict, judge, judged_row, values_beside

HELP = """usage: lab verify NAME [--seeds 0-4] [--jobs N] [--devices N] [--json] [--record] [settings]

Run the seeds of an experiment to the budget of its target, and say whether the target is met, with the interval.
Runs that are there already are taken as they are. By default as many seeds run as the target asks for.
--on slurm and --on ray compute them on a cluster, as `lab run --help` explains.
--record keeps the result in the repository: results/NAME.json, and a row of RESULTS.md.

Exit codes: 0 the target is met, 1 it is missed, a run failed or there are too few seeds for a verdict, 2 wrong usage,
128 + signal when interrupted."""


def verify_command(words: list[str]) -> int:
    """`lab verify NAME [options]`."""
    names, options = split_names(words)
    if not names:
        if "--help" in options or "-h" in options:
            print(HELP)
            return 0
        raise UsageError("Which experiment? Give a name: `lab verify NAME`. `lab list` shows them.")
    loaded = [load(name) for name in names]
    parsed = [settings_of("verify", experiment, options) for experiment in loaded]
    given, _ = parsed[0]
    verdicts, stopped, met = [], 0, True
    for experiment, (asked, config) in zip(loaded, parsed):
        again = shlex.join(["lab", "verify", experiment.name, *options])
        verdict, launched = _verified(experiment, asked, config, again)
        verdicts.append(verdict)
        met &= verdict.passed and len(verdict.scores) == len(launched)
        if any(item.state in ("interrupted", "waiting") for item in launched):
            stopped = exit_code(launched)
            break
    if given.json:
        print(json.dumps([verdict.as_json() for verdict in verdicts], indent=1))
    if given.report:
        print(report_written(given), file=sys.stderr if given.json else sys.stdout)
    return stopped or (0 if met else 1)


def _verified(experiment: Experiment, options: Any, config: Any, again: str) -> tuple[Verdict, list[Launched]]:
    target = experiment.target
    if target is None:
        raise UsageError(f"{experiment.name} states no target (its TARGET is None), so there is nothing to verify.")
    if not options.seeds:
        options = replace(options, seeds=(f"0-{target.seeds - 1}",))
    if target.arm and not options.variant:
        options = replace(options, variant=(target.arm,))
    check_variants(experiment, config, options.variant)
    if config.run.steps not in (target.steps, experiment.Config().run.steps):
        raise UsageError(
            f"--run.steps is {config.run.steps:,}, but the target of {experiment.name} is of {target.steps:,} steps. "
            "Leave it out; `lab run` takes any budget."
        )
    if experiment.arms is not None and len(options.variant) != 1:
        raise UsageError(f"{experiment.name} compares several variants. Say which one to verify: --variant NAME.")
    variant = next(iter(options.variant), "")
    if experiment.target_of(variant) is None:
        raise UsageError(
            f"The target of {experiment.name} is that of its arm {target.arm!r}, and the arm {variant!r} is "
            "there to be compared with it. Leave out --variant."
        )
    config = replace(config, run=replace(config.run, steps=target.steps))
    changed = changed_settings(experiment, variant, config)
    if options.record:
        refuse_changed(experiment.name, changed)  # before hours are spent on it, as is a folder that is not there
        repository(options.repository)
    runs, own = runs_folder(options.runs_dir), experiment.variants(config)[variant]
    places = [
        RunDirectory.at(runs, experiment.name, address(experiment.name, own), seed)
        for seed in parse_seeds(options.seeds)
    ]
    if not options.fresh:
        refuse_nursed(experiment.name, places)  # before hours are spent on the others
    launched = launch_shown(experiment, options, config, again=again, quiet=options.json)
    refuse_nursed(experiment.name, places)
    rows = judged_rows(launched, target)
    scores = {seed: row[target.metric] for seed, row in rows.items()}
    verdict = judge(target, experiment.name, scores, by_metric(rows, target))
    if not options.json:
        print(_said(verdict, target, launched))
        if told := shaping(changed):
            print(f"not the experiment's own settings: {told}")
    if options.record:
        _record(experiment, variant, config, launched, options)
    return verdict, launched


def _record(experiment: Experiment, variant: str, config: Any, launched: list[Launched], options: Any) -> None:
    """Keeps the result in the repository, or says why not; what `--json` prints stays alone on standard output."""
    try:
        result = result_of(experiment, variant, config, launched)
    except ResultError as error:
        print(f"lab: {error}", file=sys.stderr)
        return
    root = repository(options.repository)
    path = write_result(root, result)
    print(f"recorded: {path}\n{write_page(root)}", file=sys.stderr if options.json else sys.stdout)


def judged_rows(launched: list[Launched], target: Target) -> dict[int, Mapping[str, Any]]:
    """The row that holds the score, of each seed that reached the target's budget; taken where the report takes it."""
    rows = {item.seed: judged_row(item.directory.rows(), target) for item in launched if item.state == "finished"}
    return {seed: row for seed, row in rows.items() if row is not None}


def by_metric(rows: Mapping[int, Mapping[str, Any]], target: Target) -> dict[str, dict[int, float]]:
    """The target's further metrics, each by seed."""
    beside = {seed: values_beside(row, target) for seed, row in rows.items()}
    return {bound.metric: {seed: beside[seed][bound.metric] for seed in beside} for bound in target.beside}


def _said(verdict: Verdict, target: Target, launched: list[Launched]) -> str:
    rows: list[list[Any]] = [[seed, f"{score:.4g}"] for seed, score in verdict.scores.items()]
    rows += [[item.seed, item.state] for item in launched if item.seed not in verdict.scores]
    return "\n".join([
        "", table(["seed", target.metric], rows), "",
        f"{verdict.word.upper()}  {verdict.experiment}: {verdict.sentence}",
        f"protocol: {target.protocol}", f"source: {target.source}",
    ])  # fmt: skip
