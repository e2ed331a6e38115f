"""`lab verify --record` and `lab results`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.results.files import read_results
from lab.store import find_runs

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


def test_verify_records_what_it_measured(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "walk", "--record", "--repository", str(root)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"recorded: {root / 'results' / 'walk.json'}" in said
    assert f"{root / 'RESULTS.md'}: 1 target: 1 pass." in said
    (result,) = read_results(root)
    assert f"IQM {result.estimate:.4g} [" in said
    written = {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert set(written) == {"walk.json", "RESULTS.md"}
    assert main([*words, "--json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["value"] == result.estimate
    assert {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()} == written


def test_the_page_is_made_anew_from_the_files(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "walk", "--record", "--repository", str(root)]) == 0
    page = (root / "RESULTS.md").read_text()
    (root / "RESULTS.md").write_text(page.replace("pass", "better than ever"))
    assert main(["results", "--repository", str(root)]) == 0
    assert (root / "RESULTS.md").read_text() == page
    assert "1 target: 1 pass." in capsys.readouterr().out


def test_a_mistyped_repository_is_told_before_anything_runs(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["results"], ["verify", "walk", "--record"]):
        assert main([*words, "--repository", str(tmp_path / "repsoitory")]) == 2
        assert "There is no folder" in capsys.readouterr().err
    assert find_runs(runs) == []
    assert not (tmp_path / "repsoitory").exists()


def test_other_settings_are_refused_before_anything_runs(
    root: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "walk", "--record", "--repository", str(root), "--walk.drift", "3"]) == 2
    said = capsys.readouterr().err
    assert "walk cannot be recorded with walk.drift 3.0" in said
    assert "leave out --record" in said
    assert find_runs(runs) == []
    assert list(root.iterdir()) == []


def test_a_seed_without_a_score_is_refused_whatever_the_others_say(
    root: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "walk", "--seeds", "0-2"]) == 0
    lost = find_runs(runs)[2].metrics_file
    lost.write_text("".join(line for line in lost.read_text().splitlines(keepends=True) if '"step": 20' not in line))
    assert main(["verify", "walk", "--seeds", "0-2", "--record", "--repository", str(root)]) == 1
    captured = capsys.readouterr()
    assert "PASS  walk" in captured.out
    assert "walk was not recorded: seed 2 has no score at 20 steps" in captured.err
    assert list(root.iterdir()) == []
