"""The job: does what is left to do in one run directory; `python -m lab.job DIRECTORY` is all a launcher starts."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from lab import parallel
from lab.cadence import cadence_of
from lab.checkpoint import Checkpoints
from lab.config import address, from_json
from lab.energy import Meter
from lab.engines.child import started_by
from lab.experiment import Experiment, load
from lab.nursing import Nursing, built
from lab.provenance import changes, cores, environment, fixed_bits
from lab.records import Records
from lab.run import Outcome, Progress, RunConfig, run
from lab.seeding import Seeds
from lab.store import RunDirectory, RunError
from lab.tracking import trackers
from lab.trial import State

log = logging.getLogger("lab")
STATUS_EVERY = 0.5  # seconds between two writes of status.json while training


def run_job(
    directory: RunDirectory,
    watch: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], str] | None = None,
    threads: int | None = None,
) -> Outcome:
    """Starts or goes on with the run in `directory` until its budget is spent.

    `threads` is used where neither the config nor an earlier attempt says how many. Changes of settings that are asked
    for meanwhile are taken, and those that were taken before are repeated (lab.nursing). Whatever ends the run is
    written to status.json; what went wrong is raised. Of several processes that train together (lab.parallel) each
    calls this, and the first alone writes.
    """
    record, experiment, config = read(directory)
    options: RunConfig = config.run
    if parallel.rank() > 0:
        return _take_part(directory, experiment, config, record["seed"], stop)
    with directory.lock():
        report, nursing = _Status(directory, options, watch), None
        try:
            report.refuse_lost_checkpoints()
            parallel.check_devices(options.torch_device(), parallel.size())
            stand = parallel.from_first(_stand(directory, options, experiment.listing.path, threads))
            # Of several GPUs this process would know of its own alone: then none is told.
            metered = options.torch_device() if parallel.size() == 1 else torch.device("cpu")
            report.meter = Meter(metered, report.joules_before)
            with fixed_bits(stand, options.deterministic):
                seeds = Seeds(record["seed"])
                kept, media = Checkpoints(directory.checkpoints, options.keep), directory.media
                nursing = Nursing(directory, experiment, config, seeds)
                report.unit = nursing.unit(max(kept.steps(), default=0))
                if record["unit"] != report.unit:  # whoever launched it did not build the trial
                    record = {**record, "unit": report.unit}
                    directory.write_record(record)
                tracker = trackers(directory.path, mode=options.wandb, record=record)
                outcome = run(
                    nursing, options, tracker, kept, seeds=seeds, media=media, records=Records(directory.episodes),
                    watch=report.watch, stop=stop, cadence=cadence_of(directory, options),
                )  # fmt: skip
        except KeyboardInterrupt:
            with suppress(RunError):
                report.write("interrupted", error="stopped at once by Ctrl-C")
            raise
        except BaseException as error:
            reached = nursing.steps if nursing is not None else None
            report.step = report.step if reached is None else reached  # where it went wrong, logged or not
            with suppress(RunError):  # a full disk takes no status either, and the first error says more
                report.write("failed", error=f"{type(error).__name__}: {error}")
            raise
        report.step = outcome.step
        report.write(outcome.state, outcome.reason or None, outcome.state_sha256, outcome.seconds)
        if outcome.state == "finished":
            nursing.over(outcome.step)
    return outcome


def _take_part(
    directory: RunDirectory, experiment: Experiment, config: Any, seed: int, stop: Callable[[], str] | None
) -> Outcome:
    """What a process beside the first does: it trains the same trial on its share of each batch, and writes nothing."""
    options: RunConfig = config.run
    parallel.check_devices(options.torch_device(), parallel.size())
    with fixed_bits(parallel.from_first(0), options.deterministic):
        seeds = Seeds(seed)
        trial = built(experiment, config, seeds)
        checkpoints, cadence = _ReadOnly(directory.checkpoints), cadence_of(directory, options)
        return run(trial, options, checkpoints=checkpoints, seeds=seeds, stop=stop, cadence=cadence)


class _ReadOnly(Checkpoints):
    def save(self, step: int, state: State) -> None:
        """Is left to the first process."""


def _stand(directory: RunDirectory, options: RunConfig, experiment_file: Path, threads: int | None) -> int:
    """Writes down what this attempt stands on, tells what has changed since the last, and returns the threads to use.

    What fixes the bits is kept from the first attempt on, unless the config says otherwise.
    """
    before = directory.environment()
    kept = before.get("threads") if before.get("devices", 1) == parallel.size() else None
    threads = options.threads or kept or threads or max(1, cores() // parallel.size())
    now = environment(options.torch_device(), threads, options.deterministic, experiment_file)
    now["engine"] = started_by()
    changed = changes(before, now) if before else []
    for change in changed:
        log.warning("%s: %s; from here on the run may differ from an uninterrupted one.", directory.path, change)
    earlier = before.pop("earlier", [])  # what attempts stood on before something changed
    directory.write_environment(now | {"earlier": [*earlier, before] if changed else earlier})
    return threads


def read(directory: RunDirectory, *, exactly: bool = True) -> tuple[dict[str, Any], Experiment, Any]:
    """A run's record, its experiment and its config.

    Raises RunError if the directory is not the one that its config belongs to; with `exactly` off, as for looking at
    an old run, that is only logged.
    """
    record = directory.record()
    experiment = load(record["experiment"])
    config: Any = from_json(experiment.Config, record["config"])
    due = address(record["experiment"], config)
    stands = directory.path.resolve().parent.name
    if due != record["hash"] or stands != due:
        message = (
            f"{directory.path} is a run of another config: its settings belong to {record['experiment']}/{due}, but "
            f"the directory is {stands} and config.json says {record['hash']}. The file was edited or moved, or the "
            "experiment's settings have changed since. Launch the experiment by name: it gets a directory of its own."
        )
        if exactly:
            raise RunError(message)
        log.warning(message)
    return record, experiment, config


class _Status:
    """Keeps status.json up to date while the run goes on."""

    def __init__(self, directory: RunDirectory, options: RunConfig, watch: Callable[[Progress], None]):
        self.directory, self.options, self.forward = directory, options, watch
        before = directory.status()
        self.step, self.unit = before["step"], before["unit"]
        self.saved: int | None = before.get("saved")  # the newest checkpoint's step
        begun = before["state"] != "waiting"
        self.joules_before: dict[str, float] | None = before.get("joules", {}) if begun else None
        self.meter: Meter | None = None
        self.written = 0.0
        self.write("running")

    def watch(self, progress: Progress) -> None:
        self.step, self.unit = progress.step, progress.unit
        if time.monotonic() - self.written >= STATUS_EVERY:
            self.write("running")
        self.forward(progress)

    def refuse_lost_checkpoints(self) -> None:
        """Raises RunError where there were checkpoints and are none: beginning again would overwrite the rows."""
        if self.saved is not None and not Checkpoints(self.directory.checkpoints).steps():
            raise RunError(
                f"{self.directory.path} was saved at step {self.saved}, but its checkpoints are gone, so it cannot go "
                f"on. Put {self.directory.checkpoints} back, or start over with --fresh, which keeps what is left "
                "beside the new run."
            )

    def write(
        self,
        state: str,
        error: str | None = None,
        state_sha256: str | None = None,
        seconds: float | None = None,
    ) -> None:
        self.saved = max(Checkpoints(self.directory.checkpoints).steps(), default=self.saved)
        self.directory.write_status(
            state, step=self.step, budget=self.options.steps, unit=self.unit, error=error, state_sha256=state_sha256,
            seconds=seconds, saved=self.saved,
            joules=self.meter.joules() if self.meter is not None else self.joules_before,
        )  # fmt: skip
        self.written = time.monotonic()


def exit_code(outcome: Outcome) -> int:
    """0 for a finished run; for an interrupted one 128 + the signal, as shells have it."""
    if outcome.state == "finished":
        return 0
    names = {each.name: each.value for each in signal.Signals}
    return 128 + names.get(outcome.reason, signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """`python -m lab.job DIRECTORY [THREADS [LAUNCHER]]`: 0 finished, 1 failed, 128 + signal interrupted.

    LAUNCHER is the process without which the job shall not go on; it may be gone before this line is reached.
    """
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    threads = int(arguments[1]) if len(arguments) > 1 else None
    launcher = int(arguments[2]) if len(arguments) > 2 else None

    def orphaned() -> str:
        return "its launcher is gone" if launcher is not None and os.getppid() != launcher else ""

    with parallel.joined():
        first = parallel.rank() == 0
        if not first:
            log.setLevel(logging.ERROR)  # less than that the first process tells
            for number in (signal.SIGTERM, signal.SIGINT):  # if it ends the first before training, all follow
                signal.signal(number, signal.SIG_IGN)
        try:
            outcome = run_job(RunDirectory(Path(arguments[0])), stop=orphaned, threads=threads)
            return exit_code(outcome) if first else 0  # it may leave before the first has saved, which is no failure
        except Exception as error:
            if first or not isinstance(error, parallel.PeerError):  # of another's end the first tells
                log.exception("The run failed.")
            return 1


if __name__ == "__main__":
    torch.set_num_threads(1)  # until the job says how many, so that starting up disturbs nobody
    gc.freeze()  # what is imported stays: looking through it would take a third of a second at the end
    sys.exit(main(sys.argv[1:]))
