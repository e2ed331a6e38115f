"""What README.md and the pages in the packages show works as it stands there."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris

import lab
from lab.cli import COMMANDS
from lab.experiment import experiments, load
from lab.launching import Launched, launch
from lab.run import run
from lab.seeding import Seeds

ROOT = Path(__file__).parent.parent
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in [ROOT / "README.md", *ROOT.glob("[!.]*/README.md")]}
CODE = [
    pytest.param(block, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    if "def build" not in block
]
SMALL = {"run.steps": 400, "run.evaluate_every": 400, "run.save_every": 400, "evaluation.episodes": 2}


def test_there_is_a_page_for_each_package_that_is_imported_and_for_the_benchmarks() -> None:
    assert {"README.md"} | {
        f"{name}/README.md" for name in ("agents", "generative", "supervised", "lab", "benchmarks")
    } == set(PAGES)


def test_the_experiment_it_shows_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGES["README.md"], re.DOTALL) if "def build" in block
    ]
    (tmp_path / "mlp_of_the_readme.py").write_text(shown)
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    experiment = load("mlp_of_the_readme")
    assert experiment.listing.summary == "A multi-layer perceptron names handwritten digits."
    outcome = run(experiment.make(experiment.smoke, Seeds(0)), experiment.smoke.run)
    assert outcome.state == "finished"
    assert outcome.metrics[experiment.target.metric] > 0.2  # chance is 0.1


@pytest.fixture
def short_launch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Launched]]:
    """Launches one small run, whatever is asked for."""

    def short(*given: Any, **named: Any) -> list[Launched]:
        asked = signature(launch).bind(*given, **named).arguments
        return launch(asked["name"], [4], changes=SMALL | asked.get("changes", {}))

    monkeypatch.setattr("lab.launching.launch", short)
    return short


@pytest.mark.parametrize("code", CODE)
def test_the_code_it_shows_runs(
    code: str, short_launch: Callable[..., list[Launched]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flowers = load_iris()
    with open("flowers.csv", "w", newline="") as file:
        species = flowers.target_names[flowers.target]
        csv.writer(file).writerows(
            [[*flowers.feature_names, "species"], *map(lambda row, of: [*row, of], flowers.data, species)]
        )
    Path("text.txt").write_text("the king of the men saw a woman and a man of the queen\n" * 200)
    if '"dqn_cartpole"' in code and "lab.launch(" not in code:
        short_launch("dqn_cartpole")
    exec(compile(code, "<README>", "exec"), {})


def test_the_commands_it_shows_exist() -> None:
    commands = [found for page in PAGES.values() for found in re.findall(r"^lab (\w+)(?: (\w+))?", page, re.MULTILINE)]
    assert len(commands) > 40
    known = experiments()
    for command, name in commands:
        assert command in COMMANDS
        assert not name or name in known


def test_every_command_is_shown() -> None:
    assert set(re.findall(r"^lab (\w+)", PAGES["lab/README.md"], re.MULTILINE)) == set(COMMANDS)


def test_what_it_points_to_is_there() -> None:
    for name, page in PAGES.items():
        for target in re.findall(r"\]\(([^)]+)\)", page):
            path, _, anchor = target.partition("#")
            there = (ROOT / name).parent / path if path else ROOT / name
            assert there.exists(), f"{name} points to {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, (
                    target
                )


def test_its_names_of_python_are_the_labs() -> None:
    named = {name for page in PAGES.values() for name in re.findall(r"`lab\.(\w+)\(", page)}
    assert named
    assert named <= set(lab.__all__)
