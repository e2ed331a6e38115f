"""The run directory's `metrics.jsonl`: one JSON object a line, from which everything else is made."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.store import whole_rows
from lab.tracking.tracker import repeated_step
from lab.writing import sync_folder

_encode = json.JSONEncoder(allow_nan=False, default=float).encode  # `default` takes NumPy and torch scalars


class LocalTracker:
    """Appends rows to a file that loses nothing logged when the process is killed at any instant.

    A row goes to the operating system in one write as it is logged; `commit` also brings it to the disk.
    Steps strictly grow from line to line, so going back is cutting the file off: one system call, which
    either happened or did not. Infinities and NaN become null, since JSON has neither and other programs
    read this file; `read_rows` gives them back as NaN.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._last, self._end = -1, 0  # the last row's step, and the offset behind it
        for row, self._end in whole_rows(path):
            self._last = row["step"]
        os.ftruncate(self._file, self._end)  # a torn last line was never fully logged
        sync_folder(path.parent)

    def log(self, step: int, row: Mapping[str, float]) -> None:
        if step <= self._last:
            raise ValueError(repeated_step(step, self._last, str(self.path)))
        if "step" in row:
            raise ValueError(
                f"The row for step {step} has a metric named 'step', the key that {self.path.name} keeps for "
                f"the step itself. Rename the metric."
            )
        line = _line({"step": step, **row})
        self._write(line)
        self._last, self._end = step, self._end + len(line)

    def media(self, step: int, name: str, path: Path) -> None:
        """Does nothing: the file already lies in the run directory, and its name says its step."""

    def commit(self, step: int) -> None:
        """Brings every row to the disk, so that they also survive a power cut."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._unwritten(error) from error

    def rewind(self, step: int) -> None:
        self._last, self._end = -1, 0
        for row, end in whole_rows(self.path):
            if row["step"] > step:
                break
            self._last, self._end = row["step"], end
        os.ftruncate(self._file, self._end)
        os.fsync(self._file)

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        if self._file < 0:
            return
        try:
            self.commit(self._last)
        finally:
            os.close(self._file)
            self._file = -1

    def _write(self, line: bytes) -> None:
        """Writes the whole line or, when the disk refuses, none of it."""
        if self._file < 0:
            raise ValueError(f"{self.path} is closed: a row was logged after finish(). Log before finishing.")
        try:
            written = os.write(self._file, line)
            while written < len(line):  # a nearly full disk takes a part first and refuses the next call
                written += os.write(self._file, line[written:])
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> OSError:
        cause = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        return OSError(
            error.errno,
            f"Metrics could not be written to {self.path}: {cause}. The file is whole up to step "
            f"{self._last}. Free space there, or move the runs with LAB_RUNS or --runs-dir, and start the run "
            f"again: it goes on from its newest checkpoint.",
        )


def read_rows(path: Path) -> Iterator[dict[str, float]]:
    """Yields what `whole_rows` does, each row alone and null as NaN."""
    for row, _ in whole_rows(path):
        yield {name: math.nan if value is None else value for name, value in row.items()}


def _line(row: Mapping[str, Any]) -> bytes:
    try:
        return _encode(row).encode() + b"\n"
    except ValueError:  # NaN or infinity somewhere
        finite = {name: value if math.isfinite(value) else None for name, value in row.items()}
        return _encode(finite).encode() + b"\n"
