"""What a run has learnt: its trial as the newest checkpoint has it, and the backbone in it as a file of weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from lab import backbones
from lab.checkpoint import Checkpoints
from lab.config import ConfigError, from_json, to_json
from lab.interventions import interventions
from lab.job import read
from lab.nursing import config_at
from lab.seeding import Seeds
from lab.sharing import sharing
from lab.store import RunDirectory, RunError, find_run
from lab.transfer import TransferConfig, Transferred
from lab.trial import Viewable
from lab.weights import digest_of, read_about, save_weights

C = TypeVar("C")


def trained(directory: RunDirectory) -> tuple[Any, int]:
    """The run's trial as its newest checkpoint has it, and that checkpoint's step. Raises RunError if it has none."""
    record, experiment, config = read(directory, exactly=False)
    kept = Checkpoints(directory.checkpoints)
    config = config_at(config, interventions(directory), max(kept.steps(), default=0))
    # On the processor, which every machine has; and what going on would take, such as a replay, is not filled.
    with sharing(0):
        trial = experiment.make(replace(config, run=replace(config.run, device="cpu")), Seeds(record["seed"]))
    found = kept.newest(whole=not isinstance(trial, Viewable))
    if found is None:
        raise RunError(f"{directory.path} has no checkpoint yet, so it has learnt nothing. Let it run on first.")
    if isinstance(trial, Viewable):
        trial.load_for_viewing(found.state["trial"])
    else:
        trial.load_state_dict(found.state["trial"])
    return trial, found.step


def export_backbone(directory: RunDirectory, path: Path | None = None) -> Path:
    """Writes the backbone of a run's newest checkpoint as safetensors; returns where (by default beside the run).

    Raises RunError for a run without a checkpoint or whose trial names no backbone.
    """
    trial, step = trained(directory)
    backbone = getattr(trial, "backbone", None)
    if backbone is None:
        raise RunError(
            f"{directory.path} has no backbone to take: its {type(trial).__name__} names none. "
            "Take a run of a classifier, a regressor or a DQN."
        )
    if isinstance(backbone, Transferred):
        backbone = backbone.old
    path = path or directory.path / f"backbone-{step}.safetensors"
    about = {"input_shape": list(backbone.input_shape), "experiment": directory.record()["experiment"]}
    if backbone.config is not None:
        about |= {"backbone": type(backbone.config).__name__, "settings": to_json(backbone.config)}
    save_weights(backbone, path, about)
    return path


def begun_with(name: str, config: C, origin: str, runs: Path) -> C:
    """A config of the experiment `name` that begins with the backbone of `origin`: a file of weights, or a run.

    Of a file that the lab wrote the backbone's settings are taken, too.

    Raises ConfigError where the experiment begins at random only.
    """
    transfer = getattr(config, "transfer", None)
    if not isinstance(transfer, TransferConfig):
        raise ConfigError(
            f"{name} always begins at random: its Config has no `transfer: TransferConfig`, so --from has nothing to "
            "fill in. few_labels takes any backbone of images; or give your experiment that field, as it has it."
        )
    path = Path(origin)
    if not path.is_file():
        path = export_backbone(find_run(origin, runs))
    changes: dict[str, Any] = {
        "transfer": replace(transfer, weights=str(path.resolve()), sha256=digest_of(path)),
    }
    about = read_about(path)
    if "backbone" in about:  # a file of another project does not say; then the settings here must fit
        changes["backbone"] = from_json(getattr(backbones, about["backbone"]), about["settings"])
    return replace(config, **changes)  # type: ignore[type-var]
