"""`lab report`: what is written, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli import main
from lab.launching import launch
from lab.store import RunDirectory

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def made(runs: Path) -> list[RunDirectory]:
    return [item.directory for item in [*launch("walk", [10, 2]), *launch("walk_arms")]]


def test_a_report_needs_runs(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["report"]) == 2
    assert f"There are no runs under {runs} to report on" in capsys.readouterr().err


def test_a_report_is_written_where_it_is_said(
    made: list[RunDirectory], runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "wlk"]) == 2
    assert "There is no run of 'wlk'" in capsys.readouterr().err
    out = tmp_path / "page.html"
    assert main(["report", "walk", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"Report: {out}\n"
    assert "walk" in out.read_text()
