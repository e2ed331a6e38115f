"""Weights and checkpoints as W&B artifacts: one version for each content, whatever is cut short and sent again.

W&B is told a digest of the files first; where it holds that content already, nothing is uploaded.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.checkpoint import Checkpoints
from lab.learnt import learnt_weights
from lab.store import RunError
from lab.weights import save_tensors

LARGEST = 2**30  # bytes of weights that go up unasked


def send_weights(
    run: Any, directory: Path, record: Mapping[str, Any], step: int, state_sha256: str | None, timeout: float
) -> str:
    """Sends what the run has learnt by its last step as an artifact; returns why there is nothing to send, or nothing.

    `run` is the W&B run, online; `timeout` is in seconds. Raises whatever wandb does, OSError where the disk takes no
    copy, and TimeoutError.
    """
    try:
        found = Checkpoints(directory / "checkpoints").newest(whole=False)
    except RunError as error:
        return str(error)
    if found is None or found.step != step:
        return f"it has no intact checkpoint of step {step}"
    weights = learnt_weights(found.state["trial"])
    size = sum(tensor.nbytes for tensor in weights.values())
    if not weights or size > LARGEST:
        return f"its weights take {size / 2**30:.1f} GiB" if weights else "its checkpoint holds none"
    about = {**_described(record), "step": step}
    path = directory / "wandb" / "weights.safetensors"
    try:
        save_tensors(weights, path, about)
        _send(run, name_of(record), "model", {path.name: path}, about | {"state_sha256": state_sha256}, timeout)
    finally:
        path.unlink(missing_ok=True)
        path.with_name(f".{path.name}.aside").unlink(missing_ok=True)
    return ""


def send_checkpoint(run: Any, directory: Path, record: Mapping[str, Any], timeout: float) -> str:
    """Sends the newest checkpoint and what going on from it takes; returns and raises as `send_weights` does.

    Its files, put into a run directory of the same address, make one that goes on there.
    """
    try:
        step, checkpoint = Checkpoints(directory / "checkpoints").files()
    except RunError as error:
        return str(error)
    if not checkpoint:
        return "it has no checkpoint"
    paths = [*checkpoint, *(directory / name for name in ("config.json", "environment.json", "metrics.jsonl"))]
    files = {path.relative_to(directory).as_posix(): path for path in paths if path.is_file()}
    _send(run, f"{name_of(record)}-checkpoint", "checkpoint", files, {**_described(record), "step": step}, timeout)
    return ""


def name_of(record: Mapping[str, Any]) -> str:
    """The artifact's name: one for all runs of a seed of a config, since they come to the same weights."""
    return re.sub(r"[^\w.-]", "-", f"{record['experiment']}-{record['hash']}-seed-{record['seed']}")


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    command = record.get("command")
    return {
        "experiment": record["experiment"],
        "variant": record.get("variant"),
        "address": record["hash"],
        "seed": record["seed"],
        "unit": record.get("unit"),
        "command": shlex.join(command) if isinstance(command, list) else command,
    }


def _send(
    run: Any, name: str, kind: str, files: Mapping[str, Path], metadata: Mapping[str, Any], timeout: float
) -> None:
    """Returns once the server has all of it."""
    import wandb

    artifact = wandb.Artifact(name, kind, metadata=dict(metadata))
    for inside, path in files.items():  # neither kind of copy that wandb would make: none changes meanwhile
        artifact.add_file(str(path), name=inside, policy="immutable", skip_cache=True)
    _within(timeout, lambda: run.log_artifact(artifact).wait(timeout=timeout))


def _within(timeout: float, action: Any) -> None:
    """Runs the action in a thread, as wandb asks the server some things without a limit of time."""
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            action()
        except BaseException as error:  # wandb raises SystemExit, too
            failures.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise TimeoutError(f"the server did not take it within {timeout:.0f} s")
    if failures:
        raise failures[0]
