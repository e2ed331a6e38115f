"""The harness of kills finds the processes that it is to kill, and sees what came out otherwise."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import kills
from lab.launching import launch
from lab.store import RunDirectory
from tests.lab.written_runs import written


def test_a_job_is_found_by_its_directory_and_its_parent_by_it(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with open(tmp_path / "log.txt", "w") as log, subprocess.Popen(sleeper, stdout=log) as job:
        try:
            assert kills.jobs_in(RunDirectory(tmp_path)) == [job.pid]
            assert kills.jobs_in(RunDirectory(tmp_path / "another")) == []
            assert kills.parent_of(job.pid) == os.getpid()
        finally:
            job.send_signal(signal.SIGKILL)
    assert kills.jobs_in(RunDirectory(tmp_path)) == []
    assert kills.parent_of(job.pid) is None


@pytest.mark.usefixtures("toys")
def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    (ours,), (theirs,) = (launch("walk", [4], runs_dir=tmp_path / which) for which in ("ours", "theirs"))
    assert kills.difference(ours.directory, theirs.directory) == ""
    rows = ours.directory.metrics_file.read_text()
    ours.directory.metrics_file.write_text(rows + rows.splitlines(keepends=True)[-1])
    count = len(rows.splitlines())
    assert kills.difference(ours.directory, theirs.directory) == f"{count + 1} rows, not {count}"


def test_another_value_or_state_is_seen(tmp_path: Path) -> None:
    ours, theirs = (
        written(tmp_path / name, "walk", 0, {10: 1.0, 20: value}) for name, value in (("a", 2.0), ("b", 2.5))
    )
    assert kills.difference(ours, theirs) == "eval/return at 20 is 2.0, not 2.5"
    theirs.metrics_file.write_text(ours.metrics_file.read_text())
    for directory, digest in ((ours, "0" * 64), (theirs, "1" * 64)):
        status = directory.status() | {"state_sha256": digest}
        (directory.path / "status.json").write_text(json.dumps(status))
    assert kills.difference(ours, theirs) == "another last state"
