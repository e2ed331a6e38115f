"""Engines by name: what is refused, and how settings are written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lab.config import ConfigError
from lab.engines import EngineError, engine_of, parsed_settings
from lab.launching import launch
from tests.fake_slurm import FakeSlurm


def test_settings_are_json_where_they_can_be() -> None:
    words = ("partition=gpu", "timeout-min=240", "exclusive=true", "mem=4G", 'setup=["module load x=1"]', "nodelist=01")
    assert parsed_settings(words) == {
        "partition": "gpu", "timeout_min": 240, "exclusive": True, "mem": "4G", "setup": ["module load x=1"],
        "nodelist": "01",
    }  # fmt: skip
    for wrong, said in [(("gpu",), "Write KEY=VALUE"), (("=1",), "Write KEY=VALUE"), (("a=1", "a=2"), "gives a twice")]:
        with pytest.raises(ValueError, match=said):
            parsed_settings(wrong)


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"on": "slrm"}, ConfigError, "There is no engine 'slrm' to run on. Did you mean 'slurm'"),
        ({"engine_settings": {"partition": "gpu"}}, ConfigError, "partition: runs on this machine take no settings"),
        ({"on": "ray", "engine_settings": {"num_gpu": 1}}, ConfigError, "Did you mean 'num_gpus'"),
        ({"on": "slurm", "engine_settings": {"partitoin": "gpu"}}, ConfigError, "Did you mean 'partition'"),
        (
            {"on": "slurm", "engine_settings": {"tasks_per_node": 2}},
            ConfigError,
            "slurm has no setting 'tasks_per_node'",
        ),
        ({"on": "slurm", "engine_settings": {"mem_gb": "4G"}}, ConfigError, "has a value of the wrong kind"),
        ({"on": "slurm", "engine_settings": {"cpus_per_task": "two"}}, ConfigError, "has a value of the wrong kind"),
        ({"on": "ray", "jobs": 0}, ConfigError, "jobs is 0. It must be at least 1."),
        ({"on": "slurm"}, EngineError, "There is no sbatch, srun, squeue on the path"),
        ({"on": "ray", "engine_settings": {"address": "127.0.0.1:1"}}, EngineError, "No Ray cluster can be reached at"),
        ({"on": "ray", "engine_settings": {"address": "nobody"}}, EngineError, "No Ray cluster can be reached at"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(
    asked: dict[str, Any],
    error: type[Exception],
    said: str,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    needs = {"slurm": "submitit", "ray": "ray"}.get(asked.get("on", ""), "lab")
    pytest.importorskip(needs, reason="--on slurm and --on ray need the extra `cluster`")
    if error is EngineError:
        monkeypatch.setenv("PATH", str(tmp_path))  # where there is no SLURM
    else:
        for name, value in FakeSlurm(tmp_path / "slurm").environment.items():
            monkeypatch.setenv(name, value)
    with pytest.raises(error) as raised:
        launch("walk", **asked)
    assert said in str(raised.value)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("on", "module", "said"),
    [
        ("slurm", "submitit", "Install it: pip install 'submitit"),
        ("ray", "ray", "Install it: pip install 'ray"),
    ],
)
def test_a_package_that_is_missing_is_named(on: str, module: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineError, match=said):
        engine_of(on)
