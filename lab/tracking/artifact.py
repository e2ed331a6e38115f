"""Weights and checkpoints as W&B artifacts: one version for each content, whatever is cut short and sent again.

W&B is told a digest of the files first; where it holds that content already, nothing is uploaded.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.checkpoint import Checkpoints
from lab.interventions import FILE as INTERVENTIONS
from lab.learnt import learnt_weights
from lab.store import RunError
from lab.tracking.patience import within
from lab.weights import save_tensors

SLOWEST = 1e6  # bytes a second of an upload that is waited for
LARGEST = 2**30  # bytes of weights that go up unasked


class NothingToSend(Exception):
    """There is no such artifact of a run; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What is to become a version of an artifact."""

    name: str
    kind: str  # W&B's type of it
    files: Mapping[str, Path]  # by their names in it; unchanged until it is sent
    metadata: Mapping[str, Any]

    def send(self, run: Any, timeout: float) -> None:
        """Sends it by a W&B run that is online; returns once the server has all of it.

        `timeout` is in seconds, and more of them for what is large. Raises whatever wandb does, and TimeoutError.
        """
        import wandb

        timeout += sum(path.stat().st_size for path in self.files.values()) / SLOWEST

        artifact = wandb.Artifact(self.name, self.kind, metadata=dict(self.metadata))
        for inside, path in self.files.items():  # without the two copies that wandb would make
            artifact.add_file(str(path), name=inside, policy="immutable", skip_cache=True)
        within(timeout, lambda: run.log_artifact(artifact).wait(timeout=timeout))


def weights(directory: Path, record: Mapping[str, Any], step: int, state_sha256: str | None, into: Path) -> Parcel:
    """What a run had learnt by its last step, as a file that is written to the folder `into`.

    Raises NothingToSend where there is no intact checkpoint of that step or nothing in it that may go up unasked, and
    OSError where the disk does not take the file.
    """
    try:
        found = Checkpoints(directory / "checkpoints").newest(whole=False)
    except RunError as error:
        raise NothingToSend(str(error)) from error
    if found is None or found.step != step:
        raise NothingToSend(f"there is no intact checkpoint of step {step}")
    tensors = learnt_weights(found.state["trial"])
    size = sum(tensor.nbytes for tensor in tensors.values())
    if not tensors:
        raise NothingToSend("the checkpoint holds none")
    if size > LARGEST:
        raise NothingToSend(f"they take {size / 2**30:.2g} GiB, and above {LARGEST / 2**30:.2g} GiB none go up unasked")
    about = {**_described(record), "step": step}
    path = into / "weights.safetensors"
    save_tensors(tensors, path, about)
    metadata = about | {"state_sha256": state_sha256}
    return Parcel(name=_name(record), kind="model", files={path.name: path}, metadata=metadata)


def checkpoint(directory: Path, record: Mapping[str, Any]) -> Parcel:
    """The newest checkpoint of a run and what going on from it takes; put into a run directory, a run goes on there.

    Raises NothingToSend where none is intact.
    """
    try:
        step, files = Checkpoints(directory / "checkpoints").files()
    except RunError as error:
        raise NothingToSend(str(error)) from error
    if not files:
        raise NothingToSend("the run has saved none")
    names = ("config.json", "environment.json", "metrics.jsonl", INTERVENTIONS)
    beside = [*(directory / name for name in names), *sorted((directory / "episodes").glob("step-*.npz"))]
    paths = [*files, *(path for path in beside if path.is_file())]
    return Parcel(
        name=f"{_name(record)}-checkpoint",
        kind="checkpoint",
        files={path.relative_to(directory).as_posix(): path for path in paths},
        metadata={**_described(record), "step": step},
    )


def send(
    wanted: Mapping[str, Callable[[Path], Parcel]],
    open_run: Callable[[], Any],
    exit_code: int,
    *,
    aside: Path,
    timeout: float,
) -> tuple[list[str], list[str]]:
    """Makes the parcels, with `aside` as a folder for their files, and sends them by one W&B run.

    Returns what is not there to be sent, and what the server did not take, each with the reason. Raises nothing.
    """
    absent: list[str] = []
    untaken: list[str] = []
    run = None
    for what, make in wanted.items():
        try:
            parcel = make(aside)
            run = run or open_run()
            parcel.send(run, timeout)
        except NothingToSend as reason:
            absent.append(f"no {what}: {reason}")
        except (Exception, SystemExit) as error:
            untaken.append(f"W&B did not get the {what} ({_said(error)})")
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    try:
        if run is not None:
            run.finish(exit_code=exit_code)
    except (Exception, SystemExit) as error:
        untaken.append(f"W&B was not told the end of the run again ({_said(error)})")
    return absent, untaken


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _name(record: Mapping[str, Any]) -> str:
    """One name for all runs of a seed of a config, since they come to the same weights."""
    return re.sub(r"[^\w.-]", "-", f"{record['experiment']}-{record['hash']}-seed-{record['seed']}")


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "experiment": record["experiment"],
        "variant": record.get("variant"),
        "address": record["hash"],
        "seed": record["seed"],
        "unit": record.get("unit"),
        "command": record.get("command"),
    }
