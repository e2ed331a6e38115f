"""Experiments: files in a folder, found without importing them, loaded by name."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from lab.names import did_you_mean

if TYPE_CHECKING:
    from lab.seeding import Seeds
    from lab.trial import Trial

FOLDER = Path(__file__).resolve().parent.parent / "experiments"


class ExperimentError(ValueError):
    """There is no such experiment, or its file does not hold what an experiment needs."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The number an experiment is held to, with all that is needed to compare it fairly."""

    metric: str  # as in metrics.jsonl: "eval/return"
    at_least: float | None = None
    at_most: float | None = None  # for what should be small; exactly one of the two bounds
    steps: int  # budget, in the trial's unit
    statistic: Literal["iqm", "mean"] = "iqm"  # over seeds
    each_seed_at_least: float | None = None
    seeds: int = 5  # fewer give no verdict
    protocol: str  # how the score is taken
    source: str  # who published the number, or says the bound
    published: float | None = None  # the published number itself, where the bound is not it

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("A Target has one bound: give at_least or at_most, not both and not neither.")


@dataclass(frozen=True)
class Listing:
    """What can be said of an experiment without importing it."""

    name: str
    wing: str  # the folder: agents, generative, supervised
    summary: str  # the docstring's first line
    path: Path


@dataclass(frozen=True)
class Experiment:
    """A loaded experiment: a frozen Config, how to build its trial, its target and its smallest version."""

    listing: Listing
    Config: Any
    make: Callable[[Any, Seeds], Trial]
    target: Target | None
    smoke: Any  # a Config that trains in a second or two, for the contract tests
    arms: Callable[[Any], dict[str, Any]] | None  # name -> Config, where the experiment compares several

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.listing.name

    def variants(self, config: Any) -> dict[str, Any]:
        """The configs that a launch runs: the experiment's arms, or the config alone under the name ''."""
        return self.arms(config) if self.arms is not None else {"": config}


def folders() -> list[Path]:
    """Where experiments are looked for: the lab's own folder, then those that $LAB_EXPERIMENTS names."""
    extra = os.environ.get("LAB_EXPERIMENTS", "")
    named = [Path(part).expanduser() for part in extra.split(os.pathsep) if part]
    for folder in named:
        if not folder.is_dir():
            raise ExperimentError(
                f"$LAB_EXPERIMENTS names {folder}, which is no folder, so no experiments are found there. "
                "Correct the path, or unset the variable."
            )
    return [FOLDER, *named]


def experiments() -> dict[str, Listing]:
    """Every experiment by name, read from the docstrings; imports none of them."""
    found: dict[str, Listing] = {}
    for folder in folders():
        for path in sorted(folder.rglob("*.py")):
            if path.name.startswith(("_", ".")) or "__pycache__" in path.parts:
                continue
            if path.stem in found:
                raise ExperimentError(
                    f"Two experiments are named {path.stem!r}: {found[path.stem].path} and {path}. "
                    "Rename one of the files."
                )
            wing = path.parent.name if path.parent != folder else ""
            found[path.stem] = Listing(path.stem, wing, _summary(path), path)
    return found


def load(name: str) -> Experiment:
    """Imports one experiment. Raises ExperimentError if there is none or a part of it is missing."""
    known = experiments()
    if name not in known:
        raise ExperimentError(f"There is no experiment {name!r}. {did_you_mean(name, known)}")
    listing = known[name]
    module = _import(listing)
    for part in ("Config", "build", "TARGET", "SMOKE"):
        if not hasattr(module, part):
            raise ExperimentError(
                f"{listing.path} has no {part}, so it is no experiment. An experiment's file defines a docstring, "
                "a frozen dataclass Config with a field `run: RunConfig`, build(config, seeds), TARGET or None, SMOKE."
            )
    if not is_dataclass(module.Config) or "run" not in module.Config.__dataclass_fields__:
        raise ExperimentError(f"{listing.path}: Config must be a frozen dataclass with a field `run: RunConfig`.")
    return Experiment(
        listing, module.Config, module.build, module.TARGET, module.SMOKE, getattr(module, "variants", None)
    )


def _summary(path: Path) -> str:
    try:
        return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    except (SyntaxError, UnicodeDecodeError) as error:
        return f"cannot be read: {error}"


def _import(listing: Listing) -> ModuleType:
    name = f"experiments.{listing.wing}.{listing.name}" if FOLDER in listing.path.parents else f"_{listing.name}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(listing.path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, listing.path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up while they are being made
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
