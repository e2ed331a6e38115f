"""`lab verify`: runs an experiment's seeds and holds the result to its published number."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import replace
from typing import Any

from lab.cli import UsageError
from lab.cli.arguments import table
from lab.cli.running import exit_code, launch_shown, settings_of, split_names
from lab.config import differences
from lab.experiment import Experiment, Target, load
from lab.launching import Launched
from lab.verdict import Verdict, judge, score_within

HELP = """usage: lab verify NAME [--seeds 0-4] [--jobs N] [--json] [settings]

Run the seeds of an experiment to the budget of its target, and say whether the target is met, with the interval.
Runs that are there already are taken as they are. By default as many seeds run as the target asks for.

Exit codes: 0 the target is met, 1 it is missed or a run failed, 2 wrong usage, 128 + signal when interrupted."""


def verify_command(words: list[str]) -> int:
    """`lab verify NAME [options]`."""
    names, options = split_names(words)
    if not names:
        if "--help" in options or "-h" in options:
            print(HELP)
            return 0
        raise UsageError("Which experiment? Give a name: `lab verify NAME`. `lab list` shows them.")
    loaded = [load(name) for name in names]
    verdicts, stopped, as_json = [], 0, False
    for experiment in loaded:
        verdict, launched, as_json = _verified(experiment, options)
        verdicts.append(verdict)
        if any(item.state in ("interrupted", "waiting") for item in launched):
            stopped = exit_code(launched)
            break
    if as_json:
        print(json.dumps([verdict.as_json() for verdict in verdicts], indent=1))
    return stopped or (0 if all(verdict.passed for verdict in verdicts) else 1)


def _verified(experiment: Experiment, words: list[str]) -> tuple[Verdict, list[Launched], bool]:
    target = experiment.target
    if target is None:
        raise UsageError(f"{experiment.name} states no target (its TARGET is None), so there is nothing to verify.")
    if not any(word == "--seeds" or word.startswith("--seeds=") for word in words):
        words = [*words, "--seeds", f"0-{target.seeds - 1}"]
    options, config = settings_of("verify", experiment, words)
    if experiment.arms is not None and len(options.variant) != 1:
        raise UsageError(f"{experiment.name} compares several variants. Say which one to verify: --variant NAME.")
    config = replace(config, run=replace(config.run, steps=target.steps))
    launched = launch_shown(
        experiment, options, config, again=shlex.join(["lab", "verify", experiment.name, *words]), quiet=options.json
    )
    verdict = judge(target, experiment.name, scores(launched, target))
    if not options.json:
        print(_said(verdict, target, launched))
        if changed := _changed(experiment, options.variant, config):
            print(f"not the experiment's own settings: {changed}")
    return verdict, launched, options.json


def _changed(experiment: Experiment, variant: tuple[str, ...], config: Any) -> str:
    """The settings in which what was verified differs from what the target speaks of."""
    arm = next(iter(variant), "")
    own, asked = experiment.variants(experiment.Config())[arm], experiment.variants(config)[arm]
    unlike = {name: value for name, (_, value) in differences(own, asked).items() if not name.startswith("run.")}
    return ", ".join(f"{name} {value}" for name, value in unlike.items())


def scores(launched: list[Launched], target: Target) -> dict[int, float]:
    """The score of each seed that reached the target's budget, taken where the report takes it."""
    found = {}
    for item in launched:
        rows = item.directory.rows()
        judged = [(row["step"], row[target.metric]) for row in rows if target.metric in row]
        values = [math.nan if value is None else value for _, value in judged]
        score = score_within([step for step, _ in judged], values, target.steps)
        if item.state == "finished" and score is not None:
            found[item.seed] = score[1]
    return found


def _said(verdict: Verdict, target: Target, launched: list[Launched]) -> str:
    rows: list[list[Any]] = [[seed, f"{score:.4g}"] for seed, score in verdict.scores.items()]
    rows += [[item.seed, item.state] for item in launched if item.seed not in verdict.scores]
    return "\n".join([
        "", table(["seed", target.metric], rows), "",
        f"{verdict.word.upper()}  {verdict.experiment}: {verdict.sentence}",
        f"protocol: {target.protocol}", f"source: {target.source}",
    ])  # fmt: skip
