"""`lab play` and `lab report`: which run is meant, and what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli import main
from lab.cli.showing import find_run
from lab.launching import launch
from lab.store import RunDirectory

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def made(runs: Path) -> list[RunDirectory]:
    return [item.directory for item in [*launch("walk", [10, 2]), *launch("walk_arms")]]


def test_a_run_is_found_by_enough_of_its_name(made: list[RunDirectory], runs: Path) -> None:
    ten, two, drift, no_drift = made
    address = ten.path.parent.name
    assert find_run("walk", runs) == two, "the lowest seed"
    assert find_run(f"walk/{address[:3]}/seed-10", runs) == ten
    assert find_run(f"walk/{address}", runs) == two
    assert find_run(str(drift.path), Path("elsewhere")) == drift
    assert find_run(f"walk_arms/{no_drift.path.parent.name}/", runs) == no_drift
    with pytest.raises(ValueError, match=r"There is no run 'wlk' under .* Did you mean"):
        find_run("wlk", runs)
    with pytest.raises(ValueError, match="There is no run 'walk/zz'"):
        find_run("walk/zz", runs)


def test_play_writes_what_the_newest_checkpoint_shows(
    made: list[RunDirectory], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in made[1].path.rglob("*") if file.is_file()}
    assert main(["play", "walk", "--out", str(tmp_path / "shown")]) == 0
    path = tmp_path / "shown" / "000000000020-place.png"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes() == (made[1].media / path.name).read_bytes()
    assert {file: file.read_bytes() for file in made[1].path.rglob("*") if file.is_file()} == before


def test_what_cannot_be_played_is_told(made: list[RunDirectory], capsys: pytest.CaptureFixture[str]) -> None:
    for file in made[1].checkpoints.rglob("state.json"):
        file.write_text("{")
    assert main(["play", "walk"]) == 1
    assert "None of the checkpoints under" in capsys.readouterr().err
    for folder in made[1].checkpoints.glob("step-*"):
        folder.rename(folder.with_name(f"not-{folder.name}"))
    assert main(["play", "walk"]) == 1
    assert "has no checkpoint yet" in capsys.readouterr().err
    assert main(["play", "wlk"]) == 2


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
