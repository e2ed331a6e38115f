"""The house stands: import arrows point down only, and what must be light is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PARTS = {
    *(
        "averages",
        "backbones",
        "best",
        "data",
        "development",
        "errors",
        "fit",
        "gradients",
        "means",
        "names",
        "normalisation",
        "one_network",
        "optim",
        "parallel",
        "pictures",
        "precision",
        "probe",
        "published_names",
        "ranges",
        "recording",
    ),
    *(
        "schedules",
        "seeding",
        "sharing",
        "statistics",
        "stopping",
        "task_statistics",
        "tracked",
        "transfer",
        "trial",
        "weights",
        "words",
        "writing",
    ),
}
HOUSE = {
    *(
        "cadence",
        "checkpoint",
        "energy",
        "garbage",
        "grids",
        "interventions",
        "learnt",
        "media",
        "pieces",
        "provenance",
        "records",
    ),
    *("run", "stated", "store", "tracking"),
}
DOORS = {
    *("cli", "config", "experiment", "job", "launching", "paper", "repeating", "report", "results", "sides", "trained"),
    *("engines", "foretelling", "nursing", "search", "search_space", "torchrun", "verdict"),
}
WINGS = {"agents", "generative", "supervised"}
FLOORS = [PARTS, HOUSE, DOORS]


DESCENT = """
import torch
from lab.optim import Descent, OptimizerConfig
for kind in ("sgd", "momentum", "rmsprop", "adam"):
    weight = torch.nn.Parameter(torch.ones(2, 2))
    descent = Descent([weight], OptimizerConfig(kind=kind))
    descent.descend(weight.square().sum())
    descent.load_state_dict(descent.state_dict())
"""


def modules() -> list[Path]:
    packages = ("lab", "experiments", *sorted(WINGS))
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too; what `from a import b` names counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which layer is meant"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor_of(module: str) -> int:
    """0 for a part of lab, 1 for the house, 2 for a door."""
    second = module.split(".")[1]
    for number, floor in enumerate(FLOORS):
        if second in floor:
            return number
    raise AssertionError(f"lab.{second} is on no floor: add it to PARTS, HOUSE or DOORS in {__file__}")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    mine = name_of(path)
    package = mine.partition(".")[0]
    for other in imported(path):
        there = other.partition(".")[0]
        beside = f"{mine.rpartition('.')[0]}._"  # what experiments share stands beside them, its name begins with _
        if not (package == "experiments" and other.startswith(beside)):
            assert there != "experiments", f"{mine} imports {other}: nothing imports experiments"
        if there == "lab" and package == "lab" and mine != "lab":
            assert floor_of(other) <= floor_of(mine), f"{mine} imports {other}, which is a floor above"
        if package in WINGS:
            assert there not in WINGS - {package}, f"{mine} imports {other}: the wings never import each other"
            if there == "lab":
                assert floor_of(other) == 0, f"{mine} imports {other}: a wing takes only parts from lab"
        if package == "lab":
            assert there not in WINGS, f"{mine} imports {other}: the lab stands below the wings"
        if there in ("wandb", "wandb_workspaces"):
            assert mine.startswith("lab.tracking"), f"{mine} imports {there}, which only lab.tracking does"


def test_the_check_sees_an_arrow_that_points_up(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def f():\n    from lab.cli import main\n    import agents.dqn\n")
    assert imported(planted) == {"lab.cli.main", "agents.dqn"}
    assert floor_of("lab.cli.main") > floor_of("lab.fit.Fit")
    with pytest.raises(AssertionError, match="on no floor"):
        floor_of("lab.attic")


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import lab", ["torch", "wandb", "matplotlib", "tyro", "rich"]),
        ("import lab.cli.listing", ["torch", "numpy", "wandb", "matplotlib", "tyro", "rich", "jinja2"]),
        ("import agents", ["wandb", "matplotlib", "tyro", "rich", "lab.cli"]),
        (
            "import agents.dqn, agents.interaction, agents.environments",
            ["wandb", "matplotlib", "tyro", "rich", "lab.cli"],
        ),
        ("import supervised.classifier", ["wandb", "matplotlib", "tyro", "rich", "lab.cli", "gymnasium"]),
        ("import lab.report", ["torch", "wandb"]),
        (DESCENT, ["torch._dynamo"]),  # 2 s of every run, which has no use for it
        ("import lab.report.outline, lab.tracking.upload", ["torch", "wandb", "wandb_workspaces"]),
    ],
)
def test_import_is_light(statement: str, heavy: list[str]) -> None:
    program = f"{statement}\nimport sys\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", [p for p in modules() if p.parent.parent.name == "experiments"], ids=name_of)
def test_every_experiment_is_listed(path: Path) -> None:
    from lab.experiment import experiments

    if not path.stem.startswith("_"):
        listed = experiments()[path.stem]
        assert listed.summary, f"{path} has no docstring, so `lab list` has nothing to say of it"
        assert listed.wing == path.parent.name
