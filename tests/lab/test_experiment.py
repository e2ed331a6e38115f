"""Experiments: which files are some, and how they are imported."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.experiment import Compared, ExperimentError, experiments, load

MINIMAL = '''"""Says {summary}."""
from dataclasses import dataclass
{more}

@dataclass(frozen=True)
class Config:
    run: int = 0

def build(config, seeds): ...

TARGET = SMOKE = None
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    return tmp_path


def test_a_file_named_as_a_module_of_python_replaces_none(folder: Path) -> None:
    (folder / "io.py").write_text(MINIMAL.format(summary="io", more=""))
    before = sys.modules["_io"], sys.modules["io"]
    module = sys.modules[load("io").Config.__module__]
    assert (sys.modules["_io"], sys.modules["io"]) == before
    assert module.__name__.startswith("lab_experiment_io_")
    assert io.StringIO("a").read() == "a"


def test_modules_beside_an_experiment_are_imported_by_it_but_not_listed(folder: Path) -> None:
    (folder / "beside_it.py").write_text("ANSWER = 42\n")
    (folder / "mine.py").write_text(MINIMAL.format(summary="mine", more="from beside_it import ANSWER"))
    paths = list(sys.path)
    experiment = load("mine")
    assert sys.modules[experiment.Config.__module__].ANSWER == 42
    assert sys.path == paths
    assert experiments()["mine"].summary == "Says mine."
    assert "beside_it" not in experiments()
    with pytest.raises(ExperimentError, match=r"beside_it.py has no Config and no build, so it is no experiment"):
        load("beside_it")
    with pytest.raises(ExperimentError, match="There is no experiment"):
        load("/tmp/mine")


def test_threads_that_load_the_same_see_it_whole(folder: Path) -> None:
    (folder / "slow.py").write_text(MINIMAL.format(summary="slow", more="import time\ntime.sleep(0.2)"))
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(load, ["slow"] * 4))
    assert len({each.Config for each in loaded}) == 1


def test_a_file_that_cannot_be_read_is_listed_as_such(folder: Path) -> None:
    (folder / "torn.py").write_text("x = (\n")
    assert experiments()["torn"].summary.startswith("cannot be read: ")


def test_two_experiments_of_one_name_are_refused(folder: Path) -> None:
    (folder / "mlp_digits.py").write_text("x = 1\n")
    assert experiments()["mlp_digits"].wing == "supervised", "a module beside the experiments is in nobody's way"
    (folder / "mlp_digits.py").write_text(MINIMAL.format(summary="twice", more=""))
    with pytest.raises(ExperimentError, match=r"Two experiments are named 'mlp_digits': .*Rename one of the files"):
        experiments()


def test_what_is_better_lower_is_among_what_is_compared() -> None:
    Compared(metrics=("eval/error", "eval/return"), lower=("eval/error",), protocol="p")
    with pytest.raises(ValueError, match=r"lower ones are better of \('eval/loss',\)"):
        Compared(metrics=("eval/error",), lower=("eval/loss",), protocol="p")
    with pytest.raises(ValueError, match="Name one metric at least"):
        Compared(metrics=(), protocol="p")
