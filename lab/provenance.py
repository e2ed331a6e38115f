"""What a run stood on: code, versions, hardware and the settings that fix its bits."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from lab import parallel

LIBRARIES = (
    *("torch", "numpy", "gymnasium", "ale-py", "stable-baselines3", "wandb", "scikit-learn", "safetensors"),
    "sacrebleu",
)
_SOURCE = Path(__file__).resolve().parent.parent
RECORDED = ("results", "benchmarks/results", "RESULTS.md")  # what was measured: it shapes no run
_LONGEST_DIFF = 1_000_000  # characters
_LONGEST_FILE = 100_000  # characters
_FILLING: Any = torch.utils.deterministic  # its one setting is missing from torch's type stubs


def environment(device: torch.device, threads: int, deterministic: bool, experiment_file: Path) -> dict[str, Any]:
    """environment.json: the code's commit and uncommitted diff, versions, hardware, and what fixes the bits."""
    return {
        **code_state(),
        "experiment_file": file_state(experiment_file),
        "versions": {"python": platform.python_version(), **versions()},
        "platform": platform.platform(),
        "hardware": {"cpu": processor(), "cores": cores(), "gpu": gpus()},
        "device": str(device),
        "devices": parallel.size(),
        "threads": threads,
        "deterministic": deterministic,
        "command": sys.argv,
    }


def code_state() -> dict[str, Any]:
    """The commit the lab's source stands at, and the diff against it; None outside a git checkout."""
    commit = _git("rev-parse", "HEAD")
    diff = _git("diff", "HEAD", "--", ".", *(f":(exclude){path}" for path in RECORDED)) if commit else None
    untracked = _git("ls-files", "--others", "--exclude-standard") if commit else None
    return {
        "commit": commit.strip() if commit else None,
        "diff": diff[:_LONGEST_DIFF] if diff is not None else None,
        "untracked": untracked.splitlines() if untracked is not None else None,
    }


def file_state(path: Path) -> dict[str, str]:
    """A source file as it is now; no diff holds it where it is untracked or lies outside the lab's checkout."""
    content = path.read_bytes()
    text = content.decode(errors="replace")[:_LONGEST_FILE]
    return {"path": str(path), "sha256": sha256(content).hexdigest(), "text": text}


def cores() -> int:
    """The cores that this process may use, which on a shared machine are not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The installed versions of the libraries that results rest on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpus() -> list[str]:
    """The names of the CUDA devices."""
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two environments in a way that can change a run's bits, in words."""
    said = []
    if (was := before.get("devices", 1)) != now["devices"]:
        said.append(f"devices was {was}, is {now['devices']}")
    for name in ("device", "threads", "deterministic", "platform"):
        if name in before and before[name] != now[name]:
            said.append(f"{name} was {before[name]}, is {now[name]}")
    if before.get("hardware") and before["hardware"] != now["hardware"]:
        said.append(f"hardware was {before['hardware']}, is {now['hardware']}")
    old, new = before.get("versions", {}), now["versions"]
    said += [f"{name} was {old[name]}, is {new.get(name)}" for name in old if old[name] != new.get(name)]
    if before.get("commit") != now["commit"]:
        said.append(f"commit was {before.get('commit')}, is {now['commit']}")
    elif before.get("diff") != now["diff"]:
        said.append("the uncommitted changes in the code are others")
    file = before.get("experiment_file")
    if file is not None and file["sha256"] != now["experiment_file"]["sha256"]:
        said.append(f"the experiment's file {now['experiment_file']['path']} was changed")
    return said


@contextmanager
def fixed_bits(threads: int, deterministic: bool) -> Iterator[None]:
    """Inside, torch computes with so many threads and, if asked, deterministic kernels only."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    filled = _FILLING.fill_uninitialized_memory
    benchmark = torch.backends.cudnn.benchmark
    # Read when CUDA starts; cuBLAS is deterministic only with a workspace of fixed size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # Adam's memory of units that fell silent decays into numbers below 1e-38, which a processor adds very slowly.
    torch.set_flush_denormal(True)
    # Not use_deterministic_algorithms: that imports torch's compiler, 1.7 seconds that most runs have no use for.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    # Filling every new tensor would cost time and fix nothing: no learner reads what it has not written.
    _FILLING.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = not deterministic
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_flush_denormal(False)
        torch.set_deterministic_debug_mode(before[1])
        _FILLING.fill_uninitialized_memory = filled
        torch.backends.cudnn.benchmark = benchmark


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_SOURCE), *arguments], capture_output=True, text=True, errors="replace", timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
