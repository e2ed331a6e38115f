"""`lab doctor` finds what would stop runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lab.cli import doctor, main


def test_this_machine_is_well(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in ("Python 3.", "torch", "deterministic kernels work", f"runs go to {runs}", "experiments load", "W&B"):
        assert word in said
    assert not torch.are_deterministic_algorithms_enabled(), "it leaves the settings as they were"
    assert not runs.exists(), "looking makes nothing"


def test_a_broken_experiment_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.py").write_text("x = (\n")
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    assert main(["doctor"]) == 1
    assert "BAD   experiment torn cannot be loaded: SyntaxError" in capsys.readouterr().out


def test_a_check_that_breaks_is_itself_a_finding(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    def breaks(folder: Path) -> None:
        raise OSError("no such thing")

    monkeypatch.setattr(doctor.shutil, "disk_usage", breaks)
    findings = list(doctor.examine(runs))
    assert any(f.level == "bad" and f.what == "disk cannot be checked: OSError: no such thing" for f in findings)
