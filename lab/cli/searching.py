"""`lab search`: looks for settings that do well."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.cli import UsageError
from lab.cli.arguments import number, parse_seeds, table
from lab.cli.running import exit_code, settings_of, split_names
from lab.config import address
from lab.development import Development
from lab.experiment import Experiment, load
from lab.launching import command, unique_seeds
from lab.report.searches import SCHEMA
from lab.search import Candidate, Found, Satisfy, Search, config_of, search
from lab.search_space import at_the_border, axis
from lab.store import RunDirectory, runs_folder
from lab.words import value_said
from lab.writing import written_aside

HELP = """usage: lab search NAME --vary SETTING=LOW:HIGH[:SCALE] ... [--candidates 32] [--seeds 0-2] [settings]

Try settings of an experiment, spread evenly over their ranges, and say which do best. Candidates that are behind are
stopped early, or with --first-steps at the whole budget get fewer seeds. What is killed goes on where it stopped, by
the same command. SCALE is linear, log (learning rates) or log1m (discounts, momenta: 1 - value on a logarithmic scale);
SETTING=A,B,C is a choice.

  lab search dqn_cartpole --vary agent.learning-rate=1e-4:1e-2:log agent.discount=0.9:0.999:log1m --first-steps 50000
  lab search dqn_cartpole --vary agent.batch-size=32,64,128 --seeds 0-2 --stages 2 --satisfy "eval/length>=100"

Every candidate's runs stand under runs/ like any others. What it found, and a figure of each setting's effect, stand
in runs/NAME/searches; `lab report` shows them, and `lab figure NAME --search` draws them for print.
--on slurm and --on ray compute them on a cluster, as `lab run --help` explains. `lab search NAME --help` lists every
option."""
SHOWN = 10  # candidates in the closing table


def search_command(words: list[str]) -> int:
    """`lab search NAME --vary ...`."""
    names, options = split_names(words)
    if not names:
        if "--help" in options or "-h" in options:
            print(HELP)
            return 0
        raise UsageError("Which experiment? Its name comes first: `lab search NAME --vary ...`. `lab list` shows them.")
    if len(names) > 1:
        raise UsageError(f"One experiment at a time is searched, not {len(names)}: {', '.join(names)}.")
    experiment = load(names[0])
    given, config = settings_of("search", experiment, options)
    what = _wanted(experiment, given, config)
    from lab.cli.display import Display
    from lab.engines import parsed_settings

    def tell(line: str) -> None:
        if not given.json:
            print(line, flush=True)

    folder = runs_folder(given.runs_dir)
    with Display() as display:
        found = search(
            what, jobs=given.jobs, on=given.on, engine_settings=parsed_settings(given.with_), runs_dir=folder,
            watch=display.watch, tell=tell,
        )  # fmt: skip
    path = _write(found, folder)
    figure = _draw(path)
    if found.stopped:
        print(f"Stopped. Go on with: {shlex.join(['lab', 'search', *words])}", file=sys.stderr)
    if given.json:
        print(path.read_text(), end="")
    elif not found.stopped:
        print(_said(found, path, figure, ["--runs-dir", given.runs_dir] if given.runs_dir else []))
    if found.stopped:
        return exit_code(found.stopped)
    return 0 if found.best is not None else 1


def _wanted(experiment: Experiment, given: Any, config: Any) -> Search:
    variant = given.variant[0] if given.variant else ""
    if len(given.variant) > 1 or (experiment.arms is not None and not variant):
        raise UsageError(f"{experiment.name} compares several variants. Say which one to search: --variant NAME.")
    if variant:
        from lab.launching import arms

        config = arms(experiment, config, [variant])[variant]
    target = experiment.target_of(variant)
    metric = given.metric or (target.metric if target is not None else None)
    if metric is None:
        raise UsageError(f"{experiment.name} has no target, so say what is to be good: --metric eval/...")
    lower = given.lower_is_better or (target is not None and metric == target.metric and target.at_most is not None)
    own = config.run.steps == experiment.Config().run.steps
    steps = target.steps if target is not None and own else config.run.steps
    first_steps = max(1, steps // given.keep**2) if given.first_steps is None else given.first_steps
    seeds = tuple(unique_seeds(parse_seeds(given.seeds)))
    return Search(
        experiment=experiment, config=config, variant=variant, axes=tuple(axis(text, config) for text in given.vary),
        metric=metric, lower_is_better=lower, satisfy=tuple(map(Satisfy.parsed, given.satisfy)),
        candidates=given.candidates, stages=given.stages, seeds=seeds, steps=steps, first_steps=first_steps,
        keep=given.keep, sampler=given.sampler, seed=given.search_seed,
    )  # fmt: skip


def _write(found: Found, folder: Path) -> Path:
    """Keeps what was found under RUNS/EXPERIMENT/searches."""
    what = found.search
    record = {
        "schema": SCHEMA, "experiment": what.experiment.name, "metric": what.metric,
        "lower_is_better": what.lower_is_better, "rungs": [[each.steps, len(each.seeds)] for each in what.rungs],
        "seeds": list(what.seeds), "foretold": [asdict(each) for each in found.foretold],
        "variant": what.variant, "axes": [{"kind": type(each).__name__.lower(), **asdict(each)} for each in what.axes],
        "satisfy": [str(each) for each in what.satisfy], "complete": not found.stopped,
        "candidates": [_as_json(what, each) for each in found.candidates],
    }  # fmt: skip
    path = folder / what.experiment.name / "searches" / f"{_address(what)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())
    return path


def _draw(path: Path) -> Path:
    """Draws each setting's effect beside the search's file."""
    from lab.paper.curves import save
    from lab.paper.searches import draw_search
    from lab.report.searches import read_search

    figure = path.with_suffix(".svg")
    save(draw_search(read_search(path)), figure)
    return figure


def _address(what: Search) -> str:
    """Ten hex digits that name what is searched; that of a search that was stopped is the same."""
    told = [
        address(what.experiment.name, what.config), what.variant, [str(each) for each in what.axes], what.metric,
        [repr(each) for each in what.satisfy], what.candidates, what.stages, what.seeds, what.rungs, what.sampler,
        what.seed,
    ]  # fmt: skip
    return sha256(json.dumps(told).encode()).hexdigest()[:10]


def _as_json(what: Search, each: Candidate) -> dict[str, Any]:
    return {
        "number": each.number, "stage": each.stage, "settings": dict(each.settings), "steps": each.steps,
        "address": address(what.experiment.name, config_of(what, each, what.steps)),
        "score": each.score, "scores": {str(seed): score for seed, score in each.scores.items()},
        "feasible": each.feasible, "why": each.why,
        "command": command(what.experiment, what.variant, config_of(what, each, what.steps), what.seeds[0]),
    }  # fmt: skip


def _said(found: Found, path: Path, figure: Path, where: list[str]) -> str:
    """What was found; `where` are the words that say where its runs are."""
    what, shown = found.search, found.candidates[:SHOWN]
    short = [each.name.rpartition(".")[2] for each in what.axes]
    rows = [
        [
            each.number,
            *(value_said(each.settings[axis.name]) for axis in what.axes),
            f"{each.steps:,}",
            len(each.scores) or "",
            number(each.score) if each.score is not None else each.why or "no score",
            "" if each.feasible else "misses a bound",
        ]
        for each in shown
    ]
    lines = ["", table(["candidate", *short, "steps", "seeds", what.metric, ""], rows)]
    if len(found.candidates) > SHOWN:
        lines.append(f"... and {len(found.candidates) - SHOWN} more in {path}")
    best = found.best
    if best is None:
        return "\n".join([*lines, "", "No candidate has a score. Look at why above; `lab runs` shows the runs."])
    lines += ["", *(f"suspicious: {said}; widen it." for said in at_the_border(what.axes, best.settings))]
    if not best.feasible:
        lines.append("suspicious: even the best misses a bound that has to hold.")
    for each in found.foretold:
        if each.warning:
            lines.append(f"suspicious: {each.warning}; stop none before the end: --first-steps {what.steps}.")
    if what.metric.startswith("eval/test_"):
        others = _not_for_testing(found, best, path.parents[2])
        lines.append(
            f"suspicious: {what.metric} chose it, so on the test set it is flattered, whatever the seeds. "
            + (f"Choose by another part: --metric {' or '.join(others)}." if others else _part_to_keep(what))
        )
    if len(what.seeds) < 3:
        lines.append(
            f"{len(what.seeds)} seed(s) choose among {len(found.candidates)}, so the best is flattered by luck."
        )
    page = shlex.join(["lab", "report", what.experiment.name, *where])
    lines.append(f"Figure of each setting's effect: {figure} (and on the page: {page})")
    lines.append(f"Hold it to seeds that it was not chosen by: {shlex.join(_held(what, best) + where)}")
    return "\n".join(lines)


def _not_for_testing(found: Found, best: Candidate, folder: Path) -> list[str]:
    """What the best was judged by on development and validation parts."""
    what = found.search
    where = address(what.experiment.name, config_of(what, best, what.steps))
    rows = RunDirectory.at(folder, what.experiment.name, where, what.seeds[0]).rows()
    return [name for name in (rows[-1] if rows else {}) if name.startswith(("eval/dev_", "eval/valid"))]


def _part_to_keep(what: Search) -> str:
    if not isinstance(what.config, Development):
        return "No other part is judged."
    metric = what.metric.replace("eval/test_", "eval/dev_", 1)
    return f"Keep training examples to choose by: --development-share 0.1 --metric {metric}."


def _held(what: Search, best: Candidate) -> list[str]:
    """The words that run it with other seeds, and hold it to the target where its budget is the target's.

    What was kept from training to choose by is trained on now.
    """
    target = what.experiment.target_of(what.variant)
    verified = target is not None and target.steps == what.steps
    steps = what.experiment.Config().run.steps if verified else what.steps
    config = config_of(what, best, steps)
    if isinstance(config, Development):
        config = replace(config, development_share=0.0)
    words = shlex.split(command(what.experiment, what.variant, config, 0))
    words[words.index("--seeds") + 1] = _fresh(what)
    return [words[0], "verify" if verified else "run", *words[2:]]


def _fresh(what: Search) -> str:
    """As many seeds as the target asks for, beyond those of the search."""
    target = what.experiment.target_of(what.variant)
    first = max(what.seeds) + 1
    return f"{first}-{first + (target.seeds if target is not None else 5) - 1}"
