"""`lab doctor`: checks this machine and says what to mend."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.cli.arguments import Parser
from lab.store import runs_folder

Level = Literal["ok", "note", "bad"]
ENOUGH_DISK = 2  # GiB


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    level: Level  # bad is what stops runs; a note only limits them
    what: str


def doctor_command(words: list[str]) -> int:
    """`lab doctor`: exits with 1 if something would stop runs."""
    parser = Parser("doctor", "Check Python, torch, devices, disk, experiments, rendering and W&B; say what to mend.")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    findings = list(examine(runs_folder(given.runs_dir)))
    for finding in findings:
        print(f"{ {'ok': ' ok ', 'note': 'note', 'bad': 'BAD '}[finding.level] }  {finding.what}")
    return 1 if any(finding.level == "bad" for finding in findings) else 0


def examine(runs: Path) -> Iterator[Finding]:
    """Every finding about this machine; a check that breaks is itself a finding."""
    for check in (_python, _torch, _devices, _disk, _experiments, _rendering, _wandb):
        try:
            yield from check(runs)
        except Exception as error:
            yield Finding("bad", f"{check.__name__.strip('_')} cannot be checked: {type(error).__name__}: {error}")


def _python(runs: Path) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= (3, 11)
    yield Finding("ok" if enough else "bad", f"Python {version}" + ("" if enough else ": the lab needs 3.11 or later"))


def _torch(runs: Path) -> Iterator[Finding]:
    import torch

    from lab.provenance import cores

    yield Finding("ok", f"torch {torch.__version__}, {cores()} cores, {torch.get_num_threads()} threads")
    torch.set_deterministic_debug_mode("error")
    try:
        a = torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8), torch.ones(1, 1, 3, 3))
        yield Finding("ok" if float(a.sum()) == 324.0 else "bad", "deterministic kernels work")  # 36 places x 9 ones
    finally:
        torch.set_deterministic_debug_mode("default")


def _devices(runs: Path) -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        yield Finding("note", "no CUDA device: runs use the CPU (run.device auto)")
    for i in range(torch.cuda.device_count()):
        total = torch.cuda.get_device_properties(i).total_memory / 2**30
        yield Finding("ok", f"cuda:{i} {torch.cuda.get_device_name(i)}, {total:.0f} GiB")


def _disk(runs: Path) -> Iterator[Finding]:
    existing = next(folder for folder in [runs.absolute(), *runs.absolute().parents] if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            yield Finding("ok", f"runs go to {runs.absolute()}")
    except OSError as error:
        yield Finding(
            "bad", f"{existing} cannot be written ({error.strerror}): give a folder by --runs-dir or $LAB_RUNS"
        )
    free = shutil.disk_usage(existing).free / 2**30
    fix = "" if free >= ENOUGH_DISK else f": below {ENOUGH_DISK} GiB, checkpoints may not fit"
    yield Finding("ok" if free >= ENOUGH_DISK else "note", f"{free:.1f} GiB free there{fix}")


def _experiments(runs: Path) -> Iterator[Finding]:
    from lab.experiment import experiments, load

    broken = 0
    names = experiments()
    for name in names:
        try:
            load(name)
        except Exception as error:
            broken += 1
            yield Finding("bad", f"experiment {name} cannot be loaded: {type(error).__name__}: {error}")
    yield Finding("ok", f"{len(names) - broken} of {len(names)} experiments load")


def _rendering(runs: Path) -> Iterator[Finding]:
    import imageio_ffmpeg

    works: Callable[[], str] = imageio_ffmpeg.get_ffmpeg_exe
    try:
        yield Finding("ok", f"clips are written with {Path(works()).name}")
    except RuntimeError as error:
        yield Finding("note", f"no ffmpeg, so clips are only written as .gif: {error}")


def _wandb(runs: Path) -> Iterator[Finding]:
    from lab.tracking import wandb_outlook

    yield Finding("ok", f"W&B: {wandb_outlook()}")
