"""What a run has learnt: its trial as the newest checkpoint has it, and the backbone in it as a file of weights."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from lab import backbones
from lab.checkpoint import Checkpoints
from lab.config import ConfigError, from_json, to_json
from lab.config import replace as replaced
from lab.interventions import interventions
from lab.job import read
from lab.nursing import config_at
from lab.seeding import Seeds
from lab.sharing import sharing
from lab.store import RunDirectory, RunError, find_run, runs_folder
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


def load_run(run: str | RunDirectory, runs_dir: str | Path | None = None) -> Any:
    """The trial of a run, on the processor, with what it had learnt at its newest checkpoint: to ask, judge and show.

    An agent comes without what only learning needs, such as its replay: `lab run` goes on with a run.

    `run` is a directory or a name such as dqn_cartpole, or dqn_cartpole/9f/seed-1, of a run in `runs_dir`, by default
    $LAB_RUNS or ./runs. An Interaction has its `agent` (`act(observations, explore=False)`), a Fit its `learner`
    (`predict(inputs)`).

    Raises ValueError if there is no such run or several are meant alike, RunError if it has no checkpoint yet.
    """
    directory = run if isinstance(run, RunDirectory) else find_run(run, runs_folder(runs_dir))
    return trained(directory)[0]


def export_backbone(directory: RunDirectory, path: Path | None = None) -> Path:
    """Writes the backbone of a run's newest checkpoint as safetensors; returns where (by default beside the run).

    Raises RunError for a run without a checkpoint or whose trial names no backbone.
    """
    trial, step = trained(directory)
    backbone = getattr(trial, "backbone", None)
    if backbone is None:
        raise RunError(
            f"{directory.path} has no backbone to take: its {type(trial).__name__} names none. "
            "Take a run of a classifier, a regressor, an autoencoder, a VAE or a DQN."
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

    Raises ConfigError where the experiment begins at random only, or takes no backbone of that kind.
    """
    prefix, learner = _beginner(name, config)
    path = Path(origin)
    if not path.is_file():
        path = export_backbone(find_run(origin, runs))
    changes: dict[str, Any] = {
        f"{prefix}transfer": replace(learner.transfer, weights=str(path.resolve()), sha256=digest_of(path)),
    }
    about = read_about(path)
    if "backbone" in about:  # a file of another project does not say; then the settings here must fit
        taken = get_type_hints(type(learner))["backbone"]
        described = from_json(getattr(backbones, about["backbone"]), about["settings"])
        if not isinstance(described, taken):
            kinds = " or ".join(kind.__name__ for kind in get_args(taken) or (taken,))
            raise ConfigError(
                f"{origin} has the backbone of a {about['backbone']}, but {name} takes that of a {kinds}. Begin with "
                "a run that has one of these."
            )
        changes[f"{prefix}backbone"] = described
    return replaced(config, changes)


def _beginner(name: str, config: Any) -> tuple[str, Any]:
    """The settings that have `transfer` beside the backbone, the config's own or a part of it; and the prefix there."""
    parts = {"": config} | {f"{field.name}.": getattr(config, field.name) for field in fields(config)}
    for prefix, part in parts.items():
        if isinstance(getattr(part, "transfer", None), TransferConfig):
            return prefix, part
    raise ConfigError(
        f"{name} always begins at random: its Config has no `transfer: TransferConfig` beside a backbone, so --from "
        "has nothing to fill in. few_labels takes any backbone of images, and a DQN one that saw its observations; or "
        "give your experiment that field, as they have it."
    )
