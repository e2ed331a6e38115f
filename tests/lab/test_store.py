"""Run directories: their files, who holds them, and what is kept."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.store import RunDirectory, RunError, find_run, find_runs, runs_folder, write_json


def begun(runs: Path, experiment: str = "e", address: str = "0a", seed: int = 0) -> RunDirectory:
    directory = RunDirectory.at(runs, experiment, address, seed)
    directory.write_record({"experiment": experiment})
    return directory


def hold(directory: RunDirectory) -> subprocess.Popen:
    """A process of its own that holds the directory until it is killed."""
    code = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); "
    code += "time.sleep(99)"
    process = subprocess.Popen([sys.executable, "-c", code, str(directory.path / ".lock")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_where_runs_are(runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert runs_folder() == runs
    assert runs_folder(tmp_path) == tmp_path
    assert runs_folder("~/x") == Path.home() / "x"
    monkeypatch.delenv("LAB_RUNS")
    assert runs_folder() == Path("runs")


def test_the_names_of_the_files_are_a_contract(runs: Path) -> None:
    directory = begun(runs, "dqn", "0123456789", 4)
    directory.write_status("running", step=1, budget=2, unit="paces")
    directory.write_environment({"threads": 1})
    assert directory.path == runs / "dqn" / "0123456789" / "seed-4"
    assert sorted(path.name for path in directory.path.iterdir()) == ["config.json", "environment.json", "status.json"]
    assert directory.metrics_file == directory.path / "metrics.jsonl"
    assert directory.checkpoints == directory.path / "checkpoints"
    assert directory.media == directory.path / "media"
    assert directory.episodes == directory.path / "episodes"
    assert json.loads((directory.path / "config.json").read_text()) == {"schema": "lab.run/1", "experiment": "dqn"}
    status = json.loads((directory.path / "status.json").read_text())
    assert status.pop("updated").endswith("+00:00")
    assert status == {"state": "running", "step": 1, "budget": 2, "unit": "paces", "error": None}
    directory.write_status("finished", step=2, budget=2, unit="paces", state_sha256="ab")
    assert directory.status()["state_sha256"] == "ab"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist, so .* is no run directory. `lab runs` lists"),
        ("{", "is not JSON .*--fresh"),
        ("", "is not JSON .*--fresh"),
        ("[]", "holds no JSON object.*--fresh"),
        ('{"schema": "lab.run/9"}', "has the schema 'lab.run/9', but this version of the lab reads 'lab.run/1'"),
    ],
)
def test_a_record_that_cannot_be_read(content: str | None, said: str, runs: Path) -> None:
    directory = begun(runs)
    file = directory.path / "config.json"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(RunError, match=said):
        directory.record()


def test_rows_leave_out_a_line_that_is_being_written(runs: Path) -> None:
    directory = begun(runs)
    assert directory.rows() == []
    directory.metrics_file.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert directory.rows() == [{"step": 1}, {"step": 2}]


def test_a_damaged_line_hides_no_row_after_it(runs: Path) -> None:
    directory = begun(runs)
    directory.metrics_file.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"Line 2 of .*metrics.jsonl is damaged: .*1 lines follow .*Mend or delete"):
        directory.rows()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_status_counts_as_none(content: str, runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = begun(runs)
    waiting = directory.status()
    (directory.path / "status.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        assert directory.status() == waiting
    assert ("It is taken as missing" in caplog.text) == (content != "{}")


def test_several_may_look_at_once(runs: Path) -> None:
    directory = begun(runs)
    with open(directory.path / ".lock", "a") as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # another onlooker
        assert not directory.locked()


def test_where_one_may_not_look_nobody_works(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = begun(runs)

    def refused(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    assert not directory.locked()


def test_a_run_that_was_killed_is_told_as_interrupted(runs: Path) -> None:
    directory = begun(runs)
    assert directory.status()["state"] == "waiting"
    directory.write_status("running", step=7, budget=9, unit="paces")
    holder = hold(directory)
    assert directory.locked()
    assert directory.status()["state"] == "running"
    holder.kill()
    holder.wait()
    status = directory.status()
    assert (status["state"], status["step"]) == ("interrupted", 7)
    assert "killed" in status["error"]


def test_a_second_process_is_refused_at_once_and_nothing_is_moved(runs: Path) -> None:
    directory = begun(runs)
    holder = hold(directory)
    try:
        with (
            pytest.raises(RunError, match=r"Another process is working in .*seed-0. Wait for it or stop it"),
            directory.lock(),
        ):
            pass
        with pytest.raises(RunError, match="Another process"):
            directory.set_aside()
        assert directory.exists()
    finally:
        holder.kill()
        holder.wait()
    with directory.lock():
        assert directory.locked()
    assert not directory.locked()


def test_a_look_does_not_turn_a_job_away(runs: Path) -> None:
    directory = begun(runs)
    looking, taken = threading.Event(), threading.Event()

    def look() -> None:
        with open(directory.path / ".lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # what `locked` does
            looking.set()
            time.sleep(0.2)

    def take() -> None:
        with directory.lock():
            taken.set()

    threads = [threading.Thread(target=look), threading.Thread(target=take)]
    threads[0].start()
    looking.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert taken.is_set()


def test_old_runs_are_set_aside_one_after_the_other(runs: Path) -> None:
    assert RunDirectory.at(runs, "e", "0a", 0).set_aside() is None
    for k in (1, 2):
        directory = begun(runs)
        (directory.path / "mark").write_text(str(k))
        kept = directory.set_aside()
        assert kept is not None
        assert kept.path == directory.path.with_name(f"seed-0~{k}")
        assert not directory.exists()
    assert [(directory.path.with_name(f"seed-0~{k}") / "mark").read_text() for k in (1, 2)] == ["1", "2"]
    assert find_runs(runs) == []


def test_a_run_is_called_by_its_name_wherever_one_stands(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = begun(runs, "a", "1f", 2)
    for folder, name in [(directory.path, "."), (directory.path.parent, "seed-2"), (runs, "a/1f/seed-2")]:
        monkeypatch.chdir(folder)
        assert find_run(name, runs).name == "a/1f/seed-2"
        assert find_run(name, runs).path.parents[2] == runs.resolve()


def test_runs_are_found_in_order(runs: Path) -> None:
    made = [begun(runs, "a", "1f", 2), begun(runs, "a", "1f", 10), begun(runs, "a", "2a", 0), begun(runs, "b", "0a", 1)]
    (runs / "a" / "1f" / "seed-3").mkdir()  # holds no config
    begun(runs, "a", "1f", 5).set_aside()
    (runs / "report.html").write_text("")
    assert find_runs(runs) == made
    assert find_runs(runs / "absent") == []


def test_json_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"x.json could not be written: No space left on device.*Make room"):
        write_json(path, {"a": 2})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
