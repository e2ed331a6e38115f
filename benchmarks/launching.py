"""What it costs to launch a run: in this process, in one of its own, in a SLURM array, as a task of Ray's.

The run is short, so that nearly all of its time is launching. The SLURM is the tests' fake one, which has room at once:
what is measured is submitit, the lab, and Python starting; a real queue's waiting comes on top.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from benchmarks.measure import Check, Result, Spread, command
from benchmarks.share import workplace
from lab.engines import engine_of
from lab.launching import launch
from tests.fake_slurm import FakeSlurm

SOURCE = Path(__file__).resolve().parent.parent
EXPERIMENT, ARM = "mlp_spiral", "mlp"  # whose data need no library that takes long to import
CHANGES = {"run.steps": 100, "run.wandb": "off", "run.threads": 1}
REPEATS = 7
BOUND = 2.0  # seconds a run, beyond what it takes in this process
LEFT_OUT = "not installed"
ENGINES = {
    "local": ("a process of its own", None),
    "slurm": ("a job of SLURM's", "submitit"),
    "ray": ("a task of Ray's", "ray"),
}


def measure(quick: bool = False) -> Result:
    """Seconds from the launch of one run to its end, by engine."""
    repeats = 1 if quick else REPEATS
    with workplace() as folder, _clusters(folder / "slurm"):
        _seconds("local", folder / "warm", 1, jobs=1)
        here = Spread.of(_seconds("local", folder / "here", max(2, repeats), jobs=1))
        rows, checks = [("in this process", here.text(), "", "")], []
        for name, (words, package) in ENGINES.items():
            if package is not None and find_spec(package) is None:
                rows.append((words, LEFT_OUT, LEFT_OUT, LEFT_OUT))
                continue
            begin = time.perf_counter()
            engine_of(name, 2)
            ready = time.perf_counter() - begin
            first, *later = _seconds(name, folder / name, repeats + (not quick), jobs=2)
            spread = Spread.of(later or [first, first])
            over = spread.median - here.median
            rows.append((words, spread.text(), f"{over:.2f}", f"{ready + max(0.0, first - spread.median):.2f}"))
            checks.append(Check(name=f"{words}: seconds beyond those in this process", value=over, at_most=BOUND))
        notes = [
            f"{EXPERIMENT}, one run after the other, medians (quartiles) of {repeats}. The SLURM is a fake one.",
            f"A Python that imports a job, torch above all, and does nothing: {_importing():.2f} s.",
            "Once: until the engine is ready (Ray starts a cluster here), and what the first run takes more.",
        ]
    header = ("", "seconds a run", "beyond in this process", "once, seconds")
    return Result(title="Launching a run", header=header, rows=rows, checks=checks, notes=notes)


def _seconds(name: str, folder: Path, repeats: int, jobs: int) -> list[float]:
    """Of each launch of one run."""
    found = []
    for seed in range(repeats):
        begin = time.perf_counter()
        (run,) = launch(EXPERIMENT, [seed], variants=[ARM], changes=CHANGES, jobs=jobs, on=name, runs_dir=folder)
        found.append(time.perf_counter() - begin)
        if run.state != "finished":
            raise RuntimeError(f"{run.directory.path} is {run.state}: {run.error}")
    return found


def _importing() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import lab.job"], check=True, cwd=SOURCE)
    return time.perf_counter() - begin


@contextmanager
def _clusters(folder: Path) -> Iterator[None]:
    """A fake SLURM on the path; and what Ray is started meanwhile is stopped again."""
    slurm = FakeSlurm(folder)
    path = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    up_before = "ray" in sys.modules and sys.modules["ray"].is_initialized()
    try:
        with patch.dict(os.environ, slurm.environment | {"PYTHONPATH": path}):
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as most have it: compiled once, not by every run
            yield
    finally:
        slurm.close()
        if "ray" in sys.modules and not up_before:
            sys.modules["ray"].shutdown()


if __name__ == "__main__":
    sys.exit(command(measure))
