"""Launching: an experiment x variants x seeds become run directories, and what is left to do in them is done."""

from __future__ import annotations

import logging
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from operator import index
from pathlib import Path
from typing import Any

from lab import parallel
from lab.config import ConfigError, address, differences, flatten, from_json, replace, to_json
from lab.engines import Engine, Job, engine_of
from lab.engines.child import devices_of
from lab.errors import speaks_to_the_user
from lab.experiment import Experiment, ExperimentError, load
from lab.garbage import collect_garbage
from lab.job import run_job
from lab.names import did_you_mean
from lab.run import Progress
from lab.seeding import Seeds
from lab.sharing import sharing
from lab.store import RunDirectory, RunError, finished, runs_folder

log = logging.getLogger("lab")
LOOK = 0.005  # seconds between two looks at all jobs, for each: a thousand on a shared file system are left in peace


@dataclass(frozen=True)
class Launched:
    """One run of a launch and how it stands."""

    directory: RunDirectory
    experiment: str
    variant: str
    seed: int
    state: str  # finished, interrupted, failed, or waiting if the launch was stopped before its turn or its end
    did: str  # "ran", or "nothing" where it was finished before
    error: str | None = None


Watch = Callable[[RunDirectory, Progress | Launched], None]
"""Told of every run's progress and of its end; what a display hangs on."""


def launch(
    name: str,
    seeds: Iterable[int] = (0,),
    *,
    config: Any = None,
    changes: Mapping[str, Any] | None = None,
    variants: Iterable[str] = (),
    jobs: int | None = None,
    on: str = "local",
    engine_settings: Mapping[str, Any] | None = None,
    devices: int | None = None,
    fresh: bool = False,
    runs_dir: str | Path | None = None,
    watch: Watch = lambda directory, news: None,
) -> list[Launched]:
    """Runs an experiment with several seeds; goes on where a run stopped and leaves finished ones alone.

    `config` defaults to the experiment's; `changes` are settings by dotted name: {"agent.learning_rate": 1e-4}.
    `variants` picks some of the arms of an experiment that compares several. With `jobs` above 1 as many runs
    at a time go in processes of their own, the cores divided among them. With `devices` above 1 each run is trained
    by as many processes together, every one with its share of each batch; by default as by its earlier attempts, or by
    one. `on` is where runs go: "local", "slurm" or "ray", with `engine_settings` such as {"partition": "gpu"}; there,
    `jobs` is by default as many as there is room for. `fresh` starts over and keeps old runs beside the new ones. A run
    that fails does not stop the others; its Launched says what went wrong. Raises EngineError, before anything is made,
    where the engine is away.
    """
    experiment = load(name)
    chosen = arms(experiment, replace(config or experiment.Config(), changes or {}), variants)
    return launch_configs(
        experiment, list(chosen.items()), seeds, jobs=jobs, on=on, engine_settings=engine_settings,
        devices=devices, fresh=fresh, runs_dir=runs_dir, watch=watch,
    )  # fmt: skip


def launch_configs(
    experiment: Experiment,
    configs: Sequence[tuple[str, Any]],
    seeds: Iterable[int],
    *,
    jobs: int | None = None,
    on: str = "local",
    engine_settings: Mapping[str, Any] | None = None,
    devices: int | None = None,
    fresh: bool = False,
    runs_dir: str | Path | None = None,
    watch: Watch = lambda directory, news: None,
) -> list[Launched]:
    """As `launch`, with (variant, config) of each; the variant is the arm's name, or nothing."""
    engine = engine_of(on, jobs, engine_settings)
    wanted = unique_seeds(seeds)
    runs = runs_folder(runs_dir)
    if fresh and devices is None:
        devices = 1
    at_a_time = min(engine.at_a_time, len(configs) * len(wanted))
    for _, settings in configs:
        # Told before the first run starts; of another machine's devices and memory, the run itself will tell.
        device = settings.run.torch_device() if engine.here else None
        where = address(experiment.name, settings)
        there = [RunDirectory.at(runs, experiment.name, where, seed) for seed in wanted]
        most = max(_devices(directory, devices) for directory in there)
        parallel.check_devices(device, most, at_a_time)
        if most > 1 or not there[0].exists():
            with sharing(at_a_time if engine.here else 0, device):
                _try_to_build(experiment, settings, wanted[0], most)
    todo = [
        (variant, seed, prepare(experiment, variant, settings, seed, runs, fresh=fresh, devices=devices))
        for variant, settings in configs
        for seed in wanted
    ]
    if engine.here and engine.at_a_time == 1 and all(devices_of(directory) == 1 for _, _, directory in todo):
        return list(_in_turn(experiment.name, todo, watch))
    return list(_by_engine(experiment.name, todo, engine, watch))


def _devices(directory: RunDirectory, asked: int | None) -> int:
    """How many devices a run is to be trained on: as many as are asked for, else as it began with, else one."""
    return devices_of(directory) if asked is None else asked


def _try_to_build(experiment: Experiment, config: Any, seed: int, devices: int) -> None:
    """Raises ConfigError for a value that only building the trial refuses, before a run directory is made for it."""
    try:
        trial = experiment.make(replace_fields(config, run=replace_fields(config.run, device="cpu")), Seeds(seed))
        parallel.check_divisible(trial, devices)
    except Exception as error:
        if isinstance(error, ValueError) and speaks_to_the_user(error):
            raise ConfigError(str(error)) from error
        log.debug("The trial cannot be built; the run will say why.", exc_info=True)


def check_variants(experiment: Experiment, config: Any, wanted: Iterable[str]) -> None:
    """Raises ExperimentError, with the nearest that there is, for a name that is no variant's."""
    names = [known for known in experiment.variants(config) if known]
    for variant in wanted:
        if variant not in names:
            raise ExperimentError(f"{experiment.name} has no variant {variant!r}. {did_you_mean(variant, names)}")


def arms(experiment: Experiment, config: Any, wanted: Iterable[str]) -> dict[str, Any]:
    """The configs to run by variant, all of them unless some are wanted.

    Raises ConfigError for a setting that all of them set themselves to something else than `config` asks for; where
    some of them do, as where it is what they differ in, it is said.
    """
    wanted = list(wanted)
    check_variants(experiment, config, wanted)
    every = experiment.variants(config)
    chosen = {variant: every[variant] for variant in wanted} if wanted else every
    asked = {name: now for name, (_, now) in differences(experiment.Config(), config).items()}
    if not asked:
        return chosen
    settings = {variant: flatten(arm) for variant, arm in chosen.items()}
    usual = {variant: flatten(arm) for variant, arm in experiment.variants(experiment.Config()).items()}
    for name, value in asked.items():
        has = {variant: each.get(name) for variant, each in settings.items()}
        # An arm that derives another value from the one asked for does not have its usual one.
        own = {v: each for v, each in has.items() if each != value and v in usual and each == usual[v].get(name)}
        if not own:
            continue
        alike: dict[str, list[str]] = {}
        for variant, each in own.items():
            alike.setdefault(str(each) or "''", []).append(variant)
        told = "; ".join(f"{', '.join(variants)} to {each}" for each, variants in alike.items())
        if len(own) == len(chosen):
            raise ConfigError(
                f"{name} is {value}, but each arm of {experiment.name} sets it itself: {told}. Leave it out, or choose "
                "arms by --variant that take it."
            )
        log.warning("%s is %s but in arms that set it themselves: %s.", name, value, told)
    _refuse_alike(experiment, chosen, asked)
    return chosen


def _refuse_alike(experiment: Experiment, chosen: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raises ConfigError where two arms have become one by the settings asked for: they would be one run."""
    usual = experiment.variants(experiment.Config())
    first: dict[str, str] = {}
    for variant, config in chosen.items():
        other = first.setdefault(address(experiment.name, config), variant)
        if usual.get(other) != usual.get(variant):
            raise ConfigError(
                f"With {', '.join(f'{name} {value}' for name, value in asked.items())} the arms {other} and {variant} "
                f"of {experiment.name} are the same run. Leave out what makes them alike, or choose arms by --variant."
            )


def unique_seeds(seeds: Iterable[int]) -> list[int]:
    """The seeds in order, each once. Raises ConfigError for none or a negative one."""
    found = list(dict.fromkeys(index(seed) for seed in seeds))  # numpy's whole numbers become Python's
    if not found or min(found) < 0:
        raise ConfigError(f"The seeds are {found}. Give one or more whole numbers from 0 up, such as 0-4 or 1,5,7.")
    return found


def prepare(
    experiment: Experiment,
    variant: str,
    config: Any,
    seed: int,
    runs: Path,
    *,
    fresh: bool,
    devices: int | None = None,
) -> RunDirectory:
    """Makes or finds the run directory of a seed, with config.json saying what is asked of it now.

    Of a run that has done as much already, it goes on saying what that was. Raises RunError if the directory holds the
    run of another config. One that another process works in is left as it is: the job will be refused there.
    """
    where = address(experiment.name, config)
    directory = RunDirectory.at(runs, experiment.name, where, seed)
    if fresh and (kept := directory.set_aside()):
        log.info("Starting over; the old run is kept as %s.", kept.path)
    if directory.exists():
        refuse_another(directory, experiment, where)
        if directory.locked():
            return directory
    target = experiment.target_of(variant)
    stated = {
        "summary": experiment.listing.summary,
        "target": to_json(target) if target is not None else None,
        "compared": to_json(experiment.compared) if experiment.compared is not None else None,
    }
    if directory.exists() and finished(directory, to_json(config.run)):
        directory.write_record({**directory.record(), **stated})
        return directory
    unit = directory.status()["unit"] if directory.exists() else ""
    devices = _devices(directory, devices)
    directory.write_record(
        {
            "experiment": experiment.name,
            "variant": variant or None,
            "seed": seed,
            "hash": where,
            "unit": unit,
            "devices": devices,
            "command": command(experiment, variant, config, seed, devices),
            "config": to_json(config),
            **stated,
        }
    )
    return directory


def refuse_another(directory: RunDirectory, experiment: Experiment, where: str) -> None:
    """Raises RunError where config.json does not belong to the address: its checkpoints would be taken for others."""
    record = directory.record()
    there = address(record["experiment"], from_json(experiment.Config, record["config"]))
    if (record["experiment"], record["hash"], there) != (experiment.name, where, where):
        raise RunError(
            f"{directory.path} is a run of another config: its config.json is of {record['experiment']}/{there} and "
            f"says {record['hash']}. The file was edited, or the folder moved. Move it back, or start over with "
            "--fresh, which keeps it beside the new run."
        )


def command(experiment: Experiment, variant: str, config: Any, seed: int, devices: int = 1) -> str:
    """The command line that repeats a run: only what differs from the experiment's defaults is said."""
    default = experiment.variants(experiment.Config()).get(variant)
    words = ["lab", "run", experiment.name, "--seeds", str(seed)]
    if variant:
        words += ["--variant", variant]
    if devices > 1:
        words += ["--devices", str(devices)]
    for name, (_, value) in differences(default, config).items() if default is not None else ():
        words.append(f"--{name.replace('_', '-')}")
        words += [str(item) for item in (value if isinstance(value, list) else [value])]
    return shlex.join(words)


_Todo = list[tuple[str, int, RunDirectory]]


def _in_turn(name: str, todo: _Todo, watch: Watch) -> Iterator[Launched]:
    """One run after the other in this process."""
    stopped = False
    for variant, seed, directory in todo:
        error = None
        if finished(directory):
            state, did = "finished", "nothing"
        elif stopped:
            state, did = "waiting", "nothing"
        else:
            did = "ran"
            collect_garbage()  # of the run before
            state, error = _here(directory, watch)
            stopped = state == "interrupted"
        result = Launched(directory, name, variant, seed, state, did, error)
        watch(directory, result)
        yield result


def _here(directory: RunDirectory, watch: Watch) -> tuple[str, str | None]:
    """Runs a job in this process; returns its state and what went wrong."""
    try:
        outcome = run_job(directory, watch=lambda progress: watch(directory, progress))
    except Exception as error:
        with suppress(OSError), open(directory.path / "log.txt", "a") as log_file:  # a full disk is told all the same
            traceback.print_exc(file=log_file)
        if not speaks_to_the_user(error):
            log.exception("%s failed.", directory.path)
        return "failed", f"{type(error).__name__}: {error}"
    return outcome.state, outcome.reason or None


def _by_engine(name: str, todo: _Todo, engine: Engine, watch: Watch) -> Iterator[Launched]:
    """Each run as a job of an engine, up to `at_a_time` of them started at once."""
    results: dict[int, Launched] = {}  # by place in `todo`
    waiting, going = [], list[tuple[int, Job]]()
    for place, (variant, seed, directory) in enumerate(todo):
        if finished(directory):
            results[place] = Launched(directory, name, variant, seed, "finished", "nothing")
        else:
            results[place] = Launched(directory, name, variant, seed, "waiting", "nothing")
            waiting.append(place)
    with _collected_signals() as signals, _none_left_alone(going):
        told = 0
        while going or (waiting and not signals):
            if waiting and not signals and (room := engine.at_a_time - len(going)) > 0:
                batch, waiting = waiting[:room], waiting[room:]
                going += zip(batch, engine.start([todo[place][2] for place in batch]))
            for number in signals[told:]:
                # The first asks the jobs to save and stop; a second one ends them at once.
                for _, job in going:
                    job.signal(signal.SIGKILL if told else number)
                told += 1
                log.debug("passed on signal %s", number)
            for place, job in list(going):
                directory = todo[place][2]
                if (end := job.ended()) is None:
                    _tell_progress(directory, watch)
                    continue
                going.remove((place, job))
                results[place] = replace_fields(results[place], state=end[0], did="ran", error=end[1])
                watch(directory, results[place])
            if going:
                time.sleep(max(engine.look_every, LOOK * len(going)))
    yield from results.values()


@contextmanager
def _none_left_alone(going: Sequence[tuple[int, Job]]) -> Iterator[None]:
    """Jobs that were started are asked to save and stop where launching fails: nobody would watch them any more."""
    try:
        yield
    except BaseException:
        for _, job in going:
            with suppress(Exception):  # what went wrong first is what has to be told
                job.signal(signal.SIGTERM)
        raise


def _tell_progress(directory: RunDirectory, watch: Watch) -> None:
    status = directory.status()
    if status["unit"]:  # whatever its state: from another machine one cannot always see that a directory is held
        watch(directory, Progress(status["step"], status["budget"], status["unit"], {}))


@contextmanager
def _collected_signals() -> Iterator[list[int]]:
    received: list[int] = []
    last = 0.0

    def note(number: int, frame: object) -> None:
        nonlocal last
        if time.monotonic() - last > 1.0:  # seconds; what follows sooner is an echo of the same Ctrl-C
            received.append(number)
        last = time.monotonic()

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, old in before.items():
            signal.signal(number, old)
