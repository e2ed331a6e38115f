"""Tests of the local record: metrics.jsonl survives kills, torn lines and full disks, and no step stands twice."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.store import RunError
from lab.tracking import LocalTracker, MemoryTracker, Mode, NullTracker, Trackers, read_rows, trackers


def logged(path: Path, *steps: int) -> LocalTracker:
    tracker = LocalTracker(path)
    for step in steps:
        tracker.log(step, {"train/loss": step / 2})
    return tracker


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_a_row_is_one_line_that_lies_in_the_file_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "seed-0" / "metrics.jsonl"
    tracker = LocalTracker(path)
    tracker.log(10, {"train/loss": 0.5, "time/seconds": 2})
    assert path.read_bytes() == b'{"step": 10, "train/loss": 0.5, "time/seconds": 2}\n'


def test_numbers_of_numpy_and_torch_are_written_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    row: dict[str, Any] = {"a": np.float32(0.25), "b": torch.tensor(1.5), "c": np.int64(7), "d": np.float64(2)}
    LocalTracker(path).log(1, row)
    assert json.loads(path.read_text()) == {"step": 1, "a": 0.25, "b": 1.5, "c": 7, "d": 2}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(math.inf)])
def test_what_is_no_number_becomes_null_in_the_file_and_nan_when_read(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "metrics.jsonl"
    row: dict[str, Any] = {"bad": value, "good": torch.tensor(2.0)}
    LocalTracker(path).log(1, row)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(path.read_text(), parse_constant=refuse) == {"step": 1, "bad": None, "good": 2}
    (row,) = read_rows(path)
    assert math.isnan(row["bad"])
    assert row["good"] == 2


def test_no_step_stands_twice_nor_comes_late(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tracker = logged(path, 5, 10)
    for step in (10, 7):
        with pytest.raises(ValueError, match=rf"step {step} was logged, but .*metrics.jsonl already holds step 10"):
            tracker.log(step, {})
    tracker.finish("interrupted")
    with pytest.raises(ValueError, match=r"already holds step 10.*rewind\(9\)"):
        logged(path, 10)  # another process, the same file
    assert steps_in(path) == [5, 10]


def test_a_metric_may_not_be_named_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Rename the metric"):
        LocalTracker(tmp_path / "metrics.jsonl").log(1, {"step": 2.0})


@pytest.mark.parametrize(
    ("to", "kept"), [(-1, []), (0, [0]), (9, [0]), (10, [0, 10]), (25, [0, 10, 20]), (99, [0, 10, 20])]
)
def test_rewinding_cuts_the_file_behind_the_step(tmp_path: Path, to: int, kept: list[int]) -> None:
    path = tmp_path / "metrics.jsonl"
    logged(path, 0, 10, 20).finish("interrupted")
    before = path.read_bytes()
    tracker = LocalTracker(path)
    tracker.rewind(to)
    assert steps_in(path) == kept
    assert before.startswith(path.read_bytes())  # what is kept is kept byte for byte
    tracker.log(100, {"x": 1})
    assert steps_in(path) == [*kept, 100]


@pytest.mark.parametrize(
    "tail", [b'{"step": 20, "tra', b'{"step": 20}', b'{"step": 20\n', b"\x00\x00\n", b'{"loss": 1}\n', b"[1]\n", b"7\n"]
)
def test_a_torn_tail_is_cut_and_the_step_can_be_logged_again(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    logged(path, 10).finish("interrupted")
    with path.open("ab") as file:
        file.write(tail)
    assert [row["step"] for row in read_rows(path)] == [10]
    logged(path, 20)
    assert steps_in(path) == [10, 20]


def test_a_damaged_line_in_the_middle_is_told_and_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 10}\n\x00\x00\n{"step": 30}\n')
    before = path.read_bytes()
    for read in (LocalTracker, lambda path: list(read_rows(path))):
        with pytest.raises(RunError, match=r"Line 2 of .* is damaged"):
            read(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path / "metrics.jsonl")) == []


def test_a_full_disk_is_told_and_costs_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes half of a line, then nothing, then has room again."""
    path = tmp_path / "metrics.jsonl"
    tracker = logged(path, 10, 20)
    write, calls = os.write, []

    def nearly_full(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(OSError, match=r"the disk is full.*whole up to step 20.*Free space") as failure:
        tracker.log(30, {"train/loss": 1})
    assert failure.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert steps_in(path) == [10, 20]
    tracker.log(30, {"train/loss": 1})
    assert steps_in(path) == [10, 20, 30]


def test_a_line_written_in_pieces_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    logged(tmp_path / "metrics.jsonl", 10, 20)
    assert steps_in(tmp_path / "metrics.jsonl") == [10, 20]


def test_commit_brings_the_file_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = logged(tmp_path / "metrics.jsonl", 10)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    tracker.commit(10)
    assert synced == [(tmp_path / "metrics.jsonl").stat().st_ino]


def test_finishing_twice_is_fine_and_logging_afterwards_is_told(tmp_path: Path) -> None:
    tracker = logged(tmp_path / "metrics.jsonl", 10)
    tracker.finish("finished")
    tracker.finish("finished")
    with pytest.raises(ValueError, match=r"logged after finish\(\)"):
        tracker.log(20, {})


WRITER = """
import sys
from pathlib import Path
from lab.tracking.local import LocalTracker
tracker = LocalTracker(Path(sys.argv[1]))
for step in range(1, 10**9):
    tracker.log(step, {"train/loss": 1 / step, "time/seconds": step})
    print(step, flush=True)
    if step % 7 == 0:
        tracker.rewind(step - 3)
        for again in range(step - 2, step + 1):
            tracker.log(again, {"train/loss": 1 / again})
"""


def test_nothing_logged_is_lost_by_sigkill_at_any_moment(tmp_path: Path) -> None:
    """Whatever the killed process said to have logged stands in the file, once and in order."""
    moments = random.Random(0)
    for attempt in range(3):
        path = tmp_path / f"{attempt}.jsonl"
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            said = [1, *map(int, process.stdout.read().split("\n")[:-1])]
        LocalTracker(path)
        found = steps_in(path)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= said[-1] - 3  # the kill may fall between a rewind and its rows


def test_memory_and_null_keep_the_same_contract() -> None:
    memory = MemoryTracker()
    both = Trackers(memory, NullTracker())
    for step in (1, 2, 3):
        both.log(step, {"x": step})
    both.media(3, "sample", Path("media/3-sample.png"))
    both.commit(3)
    assert memory.rows == [{"step": 1, "x": 1}, {"step": 2, "x": 2}, {"step": 3, "x": 3}]
    assert (memory.pictures, memory.committed) == ([(3, "sample", Path("media/3-sample.png"))], 3)
    with pytest.raises(ValueError, match="already holds step 3"):
        both.log(3, {})
    both.rewind(1)
    assert (memory.rows, memory.pictures, memory.committed) == ([{"step": 1, "x": 1}], [], 1)
    both.finish("interrupted")
    assert memory.state == "interrupted"


def test_every_tracker_is_finished_even_if_one_fails() -> None:
    class Failing(NullTracker):
        def finish(self, state: str, state_sha256: str | None = None) -> None:
            raise OSError("disk")

    memory = MemoryTracker()
    with pytest.raises(OSError, match="disk"):
        Trackers(Failing(), memory).finish("finished")
    assert memory.state == "finished"


@pytest.mark.parametrize(("mode", "variable"), [("off", "online"), ("auto", "disabled")])
def test_switched_off_wandb_leaves_the_local_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, variable: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", variable)
    tracker = trackers(tmp_path, mode=mode, record={})
    tracker.log(1, {"x": 1})
    tracker.finish("finished")
    assert [type(part) for part in tracker.trackers] == [LocalTracker]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_neither_the_parts_nor_the_trackers_import_wandb_before_it_is_wanted() -> None:
    code = "import sys, lab.tracking; print('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
