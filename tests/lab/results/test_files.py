"""Results as files of a repository."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.results import files
from lab.results.files import entries, read_results, repository, write_page, write_result
from lab.results.result import ResultError
from lab.writing import held
from tests.lab.results.cases import result
from tests.toys import walk


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    both = [result("cart"), result("walk_arms", variant="drift", interval=None, differences=("run.threads 2",))]
    paths = [write_result(tmp_path, each) for each in reversed(both)]
    assert [path.name for path in paths] == ["walk_arms--drift.json", "cart.json"]
    assert read_results(tmp_path) == both
    assert read_results(tmp_path / "elsewhere") == []
    before = paths[0].read_bytes()
    write_result(tmp_path, both[1])
    assert paths[0].read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": "lab.result/9"}, "schema 'lab.result/9'"),
        ({"experiment": "another"}, "a result of 'another'"),
        ({"verdict": "perhaps"}, "verdict is 'perhaps'"),
        ({"config": None}, "schema 'lab.result/1'"),
        ({"score": 1.0}, "'score' names no setting"),
    ],
)
def test_a_file_that_is_no_result_is_refused(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    path = write_result(tmp_path, result())
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ResultError) as refused:
        read_results(tmp_path)
    assert str(refused.value).startswith(f"{path} is no recorded result")
    assert why in str(refused.value)
    assert "again: lab verify cart --record" in str(refused.value)
    for text in ("{", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(ResultError, match="is no recorded result"):
            read_results(tmp_path)


def test_the_repository_is_the_checkout_or_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repository(tmp_path) == tmp_path
    assert (repository() / "lab" / "results" / "files.py").samefile(files.__file__)
    installed = tmp_path / "site-packages"
    monkeypatch.setattr(files, "FOLDER", installed / "experiments")
    monkeypatch.chdir(tmp_path)
    assert repository() == tmp_path


def test_what_is_told_is_what_is_recorded_and_what_is_open_there(toys: Path, tmp_path: Path) -> None:
    assert entries(tmp_path) == [], "no experiment lies in that repository"
    (open_one,) = entries(toys)
    assert (open_one.experiment.name, open_one.result) == ("walk", None), "walk_arms and lean state no target"
    measured = result("walk", target=walk.TARGET)
    write_result(tmp_path, measured)
    assert [(entry.experiment.name, entry.result) for entry in entries(tmp_path)] == [("walk", measured)]
    assert write_page(tmp_path) == f"{tmp_path / 'RESULTS.md'}: 1 target: 1 pass."
    assert "| `walk` |" in (tmp_path / "RESULTS.md").read_text()
    write_result(tmp_path, replace(measured, experiment="wlk"))
    with pytest.raises(ResultError, match=r"wlk.json is the result of 'wlk'.* Did you mean 'walk' .* Rename or remove"):
        write_page(tmp_path)


def test_two_that_write_the_page_at_once_wait_for_each_other(toys: Path, tmp_path: Path) -> None:
    with held(tmp_path):
        other = threading.Thread(target=write_page, args=(tmp_path,))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        assert not (tmp_path / "RESULTS.md").exists()
    other.join()
    assert (tmp_path / "RESULTS.md").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["RESULTS.md"]
