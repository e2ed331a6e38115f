"""`lab run`: launches experiments, or goes on with them."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import Any

from lab.cli import UsageError
from lab.cli.arguments import parse_seeds
from lab.experiment import Experiment, load
from lab.launching import Launched, check_variants
from lab.store import runs_folder

HELP = """usage: lab run NAME [NAME ...] [--seeds 0-4] [--jobs N] [--devices N] [--on local|slurm|ray] [settings]

Launch an experiment with one or more seeds. The same command again goes on where the runs stopped, or says that
nothing is left to do. Several names run one after the other with the same options.

`lab list` shows the names; `lab run NAME --help` lists every setting of an experiment.

  lab run dqn_cartpole
  lab run dqn_cartpole --seeds 0-4 --jobs 2 --agent.learning-rate 1e-4
  lab run dqn_cartpole --run.steps 100000        (goes on from the end of the shorter run)
  lab run cnn_fashion --devices 2                (each batch is shared between two processes, or two GPUs)
  lab run dqn_pong --seeds 0-4 --on slurm --with partition=gpu gpus_per_node=1 timeout_min=240
  lab run dqn_cartpole --seeds 0-9 --on ray --with address=auto num_cpus=2

--on slurm sends a job array to the cluster's queue and waits for it. Ctrl-C leaves the jobs there, and the same command
waits for them again; a job that is preempted or out of time saves, is queued again and goes on, exactly. Its settings
are those of sbatch, by submitit's names. --on ray takes address (default: $RAY_ADDRESS, or a cluster of this machine
alone), num_cpus and num_gpus of each run, memory, resources, accelerator_type and max_retries. Runs have to lie where
all machines see them."""


def run_command(words: list[str]) -> int:
    """`lab run NAME [NAME ...] [options]`."""
    names, options = split_names(words)
    if not names:
        if "--help" in options or "-h" in options:
            print(HELP)
            return 0
        raise UsageError("Which experiment? Names come first: `lab run NAME --seeds 0-4`. `lab list` shows them.")
    loaded = [load(name) for name in names]  # a typo in the last name is told before the first one runs
    parsed = [settings_of("run", experiment, options) for experiment in loaded]
    for experiment, (launch_options, config) in zip(loaded, parsed):
        check_variants(experiment, config, launch_options.variant)
    launched = []
    for experiment, (launch_options, config) in zip(loaded, parsed):
        launched += launch_shown(experiment, launch_options, config, again=shlex.join(["lab", "run", *words]))
        if any(item.state in ("interrupted", "waiting") for item in launched):
            break
    if parsed[0][0].report:
        print(report_written(parsed[0][0]))
    return exit_code(launched)


def report_written(options: Any) -> str:
    """Writes the report page of the folder of runs, and says where."""
    from lab.report import write_report

    folder = runs_folder(options.runs_dir)
    return f"Report: {write_report(folder, folder / 'report.html').resolve()}"


def split_names(words: list[str]) -> tuple[list[str], list[str]]:
    """The experiments' names, which come first, and the options after them."""
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:count], words[count:]


def settings_of(command: str, experiment: Experiment, words: list[str]) -> tuple[Any, Any]:
    """The command's options and the config that the words say; exits with 2 and the nearest options on a typo."""
    from lab.cli.settings import LaunchOptions, ProbeOptions, SearchOptions, VerifyOptions, parse

    options = {"run": LaunchOptions, "verify": VerifyOptions, "probe": ProbeOptions, "search": SearchOptions}
    given: Any
    given, config = parse(command, experiment, options[command], words)
    if origin := getattr(given, "from_", ""):
        from lab.trained import begun_with

        config = begun_with(experiment.name, config, origin, runs_folder(given.runs_dir))
    return given, config


def launch_shown(experiment: Experiment, options: Any, config: Any, again: str, quiet: bool = False) -> list[Launched]:
    """Launches with a progress display and says at the end how each run stands."""
    from lab.cli.display import Display, closing_lines
    from lab.engines import parsed_settings
    from lab.launching import launch

    seeds = parse_seeds(options.seeds)
    with Display() as display:
        launched = launch(
            experiment.name,
            seeds,
            config=config,
            variants=options.variant,
            jobs=options.jobs,
            on=options.on,
            engine_settings=parsed_settings(options.with_),
            devices=options.devices,
            fresh=options.fresh,
            runs_dir=Path(options.runs_dir) if options.runs_dir else None,
            watch=display.watch,
        )
    for line in [] if quiet else closing_lines(launched, again):
        print(line)
    return launched


def exit_code(launched: list[Launched]) -> int:
    """0 if all finished, 128 + signal if stopped by one, else 1."""
    states = {item.state for item in launched}
    if "failed" in states:
        return 1
    if states & {"interrupted", "waiting"}:
        terminated = any((item.error or "").startswith("SIGTERM") for item in launched)
        return 128 + (signal.SIGTERM if terminated else signal.SIGINT)
    return 0
