"""Experiments: files in a folder, found without importing them, loaded by name."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, is_dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from lab.names import did_you_mean

if TYPE_CHECKING:
    from lab.seeding import Seeds
    from lab.trial import Trial

FOLDER = Path(__file__).resolve().parent.parent / "experiments"
_one_thread = RLock()  # ast.parse fails beside another (CPython 3.11), and what is half imported is no experiment
_MARKS = ("Config", "build")  # at the top level of every experiment, and hardly of the modules beside it


class ExperimentError(ValueError):
    """There is no such experiment, or its file does not hold what an experiment needs."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What the mean over seeds of a further metric must reach, at the same step."""

    metric: str  # as in metrics.jsonl
    at_least: float | None = None
    at_most: float | None = None  # exactly one of the two

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("A Bound has one side: give at_least or at_most, not both and not neither.")

    def holds(self, value: float) -> bool:
        """Whether a value reaches it; one that is not a number does not."""
        return value >= self.at_least if self.at_least is not None else value <= float(self.at_most or 0)

    @property
    def said(self) -> str:
        """The bound in short."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The number an experiment is held to, with all that is needed to compare it fairly."""

    metric: str  # as in metrics.jsonl: "eval/return"
    arm: str = ""  # the variant it speaks of, where only one of those that are compared is held to it
    at_least: float | None = None
    at_most: float | None = None  # for what should be small; exactly one of the two bounds
    steps: int  # budget, in the trial's unit
    statistic: Literal["iqm", "mean"] = "iqm"  # over seeds
    each_seed_at_least: float | None = None
    beside: tuple[Bound, ...] = ()  # further metrics that must hold, too
    seeds: int = 5  # fewer give no verdict
    protocol: str  # how the score is taken
    source: str  # who published the number, or says the bound
    published: float | None = None  # the published number itself, where the bound is not it
    needs: str = ""  # what the runs want that not every machine has, such as a GPU or the files of a data set

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("A Target has one bound: give at_least or at_most, not both and not neither.")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What an experiment's arms are compared by, where all of them are what there is to know."""

    metrics: tuple[str, ...]  # as in metrics.jsonl, the first before all: ("eval/test_slot_f1", "eval/test_accuracy")
    lower: tuple[str, ...] = ()  # those of them that are better where they are lower
    steps: int | None = None  # budget, in the trial's unit; none: each arm's own, where they differ
    seeds: int = 5  # of each arm; fewer are not recorded
    averaged: bool = False  # the mean over the arms is a number of its own, as over all speakers held out in turn
    protocol: str  # how the scores are taken

    def __post_init__(self) -> None:
        if not self.metrics or not set(self.lower) <= set(self.metrics):
            raise ValueError(
                f"Compared by metrics {self.metrics}, of which lower ones are better of {self.lower}. Name one metric "
                "at least, and in `lower` none that is not among the metrics."
            )


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
    compared: Compared | None = None

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.listing.name

    def target_of(self, variant: str) -> Target | None:
        """What a variant is held to, if to anything."""
        return self.target if self.target is not None and self.target.arm in ("", variant) else None

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
    """Every experiment by name, read from the files; imports none of them.

    A file without Config and build is a module beside the experiments. One that cannot be read is told as such.
    """
    found: dict[str, Listing] = {}
    for folder, path in _files():
        names, summary = _outline(path)
        if not names.issuperset(_MARKS):
            continue
        if path.stem in found:
            raise ExperimentError(
                f"Two experiments are named {path.stem!r}: {found[path.stem].path} and {path}. Rename one of the files."
            )
        wing = path.parent.name if path.parent != folder else ""
        found[path.stem] = Listing(path.stem, wing, summary, path)
    return found


def load(name: str) -> Experiment:
    """Imports one experiment. Raises ExperimentError if there is none or a part of it is missing."""
    known = experiments()
    if name not in known:
        for _, path in _files():
            if path.stem == name:
                raise _no_experiment(path, " and no ".join(sorted({*_MARKS} - _outline(path)[0])))
        raise ExperimentError(f"There is no experiment {name!r}. {did_you_mean(name, known)}")
    listing = known[name]
    with _one_thread:
        module = _import(listing)
    for part in ("Config", "build", "TARGET", "SMOKE"):
        if not hasattr(module, part):
            raise _no_experiment(listing.path, part)
    if not is_dataclass(module.Config) or "run" not in module.Config.__dataclass_fields__:
        raise ExperimentError(f"{listing.path}: Config must be a frozen dataclass with a field `run: RunConfig`.")
    variants, compared = getattr(module, "variants", None), getattr(module, "COMPARED", None)
    if compared is not None and (variants is None or not isinstance(compared, Compared)):
        raise ExperimentError(
            f"{listing.path}: COMPARED says by what the arms are compared. Make it a lab.experiment.Compared, beside "
            "variants(config), or give it another name."
        )
    return Experiment(listing, module.Config, module.build, module.TARGET, module.SMOKE, variants, compared)


def _files() -> Iterator[tuple[Path, Path]]:
    """Every folder's Python files, each with the folder."""
    for folder in folders():
        for path in sorted(folder.rglob("*.py")):
            if not path.name.startswith(("_", ".")) and "__pycache__" not in path.parts:
                yield folder, path


def _no_experiment(path: Path, part: str) -> ExperimentError:
    return ExperimentError(
        f"{path} has no {part}, so it is no experiment. An experiment's file defines a docstring, "
        "a frozen dataclass Config with a field `run: RunConfig`, build(config, seeds), TARGET or None, SMOKE."
    )


def _outline(path: Path) -> tuple[set[str], str]:
    """The names that a file's top level defines, and its docstring's first line; a file that cannot be read has all."""
    try:
        with _one_thread:
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        return set(_MARKS), f"cannot be read: {error}"
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names, (ast.get_docstring(tree) or "").partition("\n")[0]


def _module_name(path: Path) -> str:
    """Where a file is kept among the modules; the path's hash keeps it apart from every other of that name."""
    if FOLDER in path.parents:
        return ".".join((FOLDER.name, *path.relative_to(FOLDER).with_suffix("").parts))
    return f"lab_experiment_{path.stem}_{sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Inside, modules in the folder can be imported by name; last, so that they hide none."""
    if str(folder) in sys.path:
        yield
        return
    sys.path.append(str(folder))
    try:
        yield
    finally:
        with suppress(ValueError):  # what was imported may have taken it away
            sys.path.remove(str(folder))


def _import(listing: Listing) -> ModuleType:
    name = _module_name(listing.path)
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(listing.path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, listing.path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up while they are being made
    try:
        with _importable(listing.path.resolve().parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
