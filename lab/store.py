"""Run directories: runs/<experiment>/<config hash>/seed-<n>/, the truth about every run, readable without the lab."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from lab.names import did_you_mean
from lab.writing import written_aside

SCHEMA = "lab.run/1"
DIVERGED = "NonFiniteMetric: "  # what lab.run raises then, as a job writes it down
log = logging.getLogger("lab")
_WAITING: dict[str, Any] = {"state": "waiting", "step": 0, "budget": 0, "unit": "", "error": None}
_SEED = re.compile(r"seed-(\d+)")


class RunError(RuntimeError):
    """A run directory cannot be used as asked."""


def runs_folder(given: str | Path | None = None) -> Path:
    """Where runs are kept: the given folder, or $LAB_RUNS, or ./runs."""
    return Path(given or os.environ.get("LAB_RUNS") or "runs").expanduser()


def finished(directory: RunDirectory, asked: Mapping[str, Any] | None = None) -> bool:
    """Whether nothing is left to do: the run ended and its budget has not been raised since.

    `asked` are the settings of `run` that it is held to, by default those in its config.json.
    """
    status = directory.status()
    if status["state"] != "finished":
        return False
    options = asked or directory.record()["config"]["run"]
    out_of_time = options.get("minutes") is not None and status["step"] < status["budget"]
    return status["step"] >= options["steps"] or (out_of_time and 60 * options["minutes"] <= status.get("seconds", 0.0))


def diverged(status: Mapping[str, Any]) -> bool:
    """Whether a run failed because a loss was no number any more: a result of its settings, and no accident."""
    return status["state"] == "failed" and str(status["error"]).startswith(DIVERGED)


@dataclass(frozen=True)
class RunDirectory:
    """One seeded run on disk. The names of the files in it are a contract with other programs."""

    path: Path

    @classmethod
    def at(cls, runs: Path, experiment: str, address: str, seed: int) -> RunDirectory:
        """The directory of a seed of a config; it need not exist."""
        return cls(runs / experiment / address / f"seed-{seed}")

    @property
    def name(self) -> str:
        """experiment/address/seed-<n>, as runs are told and named."""
        return "/".join(self.path.parts[-3:])

    @property
    def variant(self) -> str:
        """The arm that it is a run of, or nothing."""
        return self.record().get("variant") or ""

    @property
    def metrics_file(self) -> Path:
        """A row of metrics a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def media(self) -> Path:
        """The folder of pictures and clips."""
        return self.path / "media"

    @property
    def episodes(self) -> Path:
        """The folder of recorded episodes."""
        return self.path / "episodes"

    def exists(self) -> bool:
        """Whether a run was ever begun here."""
        return (self.path / "config.json").exists()

    def record(self) -> dict[str, Any]:
        """config.json: all that is needed to repeat the run. Raises RunError if it is missing or of another kind."""
        record = read_json(self.path / "config.json")
        if record.get("schema") != SCHEMA:
            raise RunError(
                f"{self.path / 'config.json'} has the schema {record.get('schema')!r}, but this version of the lab "
                f"reads {SCHEMA!r}. Read it with the version that wrote it (environment.json names the commit)."
            )
        return record

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Writes config.json."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "config.json", {"schema": SCHEMA, **record})

    def environment(self) -> dict[str, Any]:
        """environment.json, or nothing where it was not written yet."""
        path = self.path / "environment.json"
        return read_json(path) if path.exists() else {}

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Writes environment.json."""
        write_json(self.path / "environment.json", environment)

    def status(self) -> dict[str, Any]:
        """status.json. A run that says it is running but whose process is gone is told as interrupted.

        A damaged file counts as none: the checkpoints hold all that is needed to write it again.
        """
        path = self.path / "status.json"
        if not path.exists():
            return dict(_WAITING)
        try:
            status = _WAITING | read_json(path)
        except RunError as error:
            log.warning("%s It is taken as missing; the next attempt writes it again.", error)
            return dict(_WAITING)
        if status["state"] == "running" and not self.locked():
            status |= {
                "state": "interrupted",
                "error": "its process ended without a word (killed, or the machine went down)",
            }
        return status

    def write_status(
        self,
        state: str,
        *,
        step: int,
        budget: int,
        unit: str,
        error: str | None = None,
        state_sha256: str | None = None,
        seconds: float | None = None,
        saved: int | None = None,
        joules: Mapping[str, float] | None = None,
    ) -> None:
        """Writes status.json; `seconds` is the time of all attempts, `saved` the step of the newest checkpoint.

        `joules` is the energy of all attempts by what counted it, where anything did.
        """
        status: dict[str, Any] = {"state": state, "step": step, "budget": budget, "unit": unit, "error": error}
        known = {"state_sha256": state_sha256, "seconds": seconds, "saved": saved, "joules": joules or None}
        status |= {name: value for name, value in known.items() if value is not None}
        write_json(self.path / "status.json", status | {"updated": datetime.now(UTC).isoformat(timespec="seconds")})

    def rows(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl; a last line that is still being written is left out."""
        return [row for row, _ in whole_rows(self.metrics_file)]

    def set_aside(self) -> RunDirectory | None:
        """Renames the directory to seed-<n>~<k>, for a fresh start; returns where the old run is now."""
        if not self.path.exists():
            return None
        number = 1
        while (kept := self.path.with_name(f"{self.path.name}~{number}")).exists():
            number += 1
        with self.lock():
            self.path.rename(kept)
        return RunDirectory(kept)

    def locked(self) -> bool:
        """Whether a process is working in the directory at this moment, as far as one may look."""
        try:
            with open(self.path / ".lock") as file:
                return not _free(file)
        except (FileNotFoundError, PermissionError):
            return False

    @contextmanager
    def lock(self, patience: float = 1.0) -> Iterator[None]:
        """Holds the directory for one process; the system lets go when the process ends, however it ends.

        Where it is held already, tries again for `patience` seconds: a look by `locked` holds it for an instant.
        """
        if not self.path.exists():
            yield
            return
        with open(self.path / ".lock", "a") as file:
            _hold(file, self.path, time.monotonic() + patience)
            yield


def find_runs(runs: Path) -> list[RunDirectory]:
    """Every run under a folder of runs, in the order of experiment, address and seed."""
    found = []
    for path in runs.glob("*/*/seed-*/config.json"):
        match = _SEED.fullmatch(path.parent.name)
        if match:
            found.append((path.parents[2].name, path.parents[1].name, int(match[1]), RunDirectory(path.parent)))
    return [item[-1] for item in sorted(found, key=lambda item: item[:-1])]


def find_run(name: str, folder: Path) -> RunDirectory:
    """The run that a path, or experiment/address/seed, names; of several seeds the lowest.

    Addresses and seeds may be cut short, an arm's name may stand for its address, and a last part may be left out.
    Raises ValueError if there is none, or if runs of several settings are meant alike.
    """
    if (Path(name) / "config.json").exists():
        return RunDirectory(Path(name).resolve())
    known = {directory.name: directory for directory in find_runs(folder)}
    wanted = name.strip("/").split("/")
    near = [
        directory
        for key, directory in known.items()
        if key.split("/")[0] == wanted[0]
        and all(part.startswith(word) for part, word in zip(key.split("/")[2:], wanted[2:]))
        and (len(wanted) < 2 or key.split("/")[1].startswith(wanted[1]) or directory.variant == wanted[1])
    ]
    if not near:
        names = [*known, *dict.fromkeys(key.split("/")[0] for key in known)]
        raise ValueError(f"There is no run {name!r} under {folder}. {did_you_mean(name, names)}")
    kinds = {directory.path.parent: directory for directory in near}
    if len(kinds) > 1:
        listed = ", ".join(
            f"{path.parent.name}/{path.name}" + (f" ({run.variant})" if run.variant else "")
            for path, run in kinds.items()
        )
        raise ValueError(
            f"{name!r} may mean runs of {len(kinds)} settings: {listed}. Name one of them, with as much of its address "
            "as tells it from the others."
        )
    return near[0]


def whole_rows(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yields each row of a metrics.jsonl and the offset behind its line; a torn last line is passed over.

    Safe beside a running writer. A file that does not exist has no rows. Raises RunError for a damaged line that
    others follow: no kill leaves one, and what follows must not be lost by it.
    """
    if not path.exists():
        return
    lines, end = path.read_bytes().splitlines(keepends=True), 0
    for number, line in enumerate(lines, start=1):
        row = _row(line)
        if row is None and number == len(lines):
            return
        if row is None:
            raise RunError(
                f"Line {number} of {path} is damaged: it is no row of metrics, though {len(lines) - number} lines "
                "follow it. Nothing was cut off. Mend or delete that one line, or start over with --fresh."
            )
        end += len(line)
        yield row, end


def write_json(path: Path, value: Any) -> None:
    """Writes JSON aside and renames it, so that a reader never sees half a file."""
    text = json.dumps(value, indent=1) + "\n"
    try:
        with written_aside(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error.strerror or error}. What was there before is untouched. Make room "
            "(or give another folder by --runs-dir) and run the same command again: it goes on from the newest "
            "checkpoint."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote. Raises RunError for a file that is not there or holds no JSON object."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise RunError(
            f"{path} does not exist, so {path.parent} is no run directory. `lab runs` lists the runs there are."
        ) from None
    except ValueError as error:
        raise RunError(f"{path} is not JSON ({error}). Restore the file, or start over with --fresh.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no JSON object. Restore the file, or start over with --fresh.")
    return value


def _row(line: bytes) -> dict[str, Any] | None:
    """Parses one line with its end; None if it is torn or no row."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def _free(file: TextIO) -> bool:
    """Whether nobody holds the file. A shared lock, so that several may look at once."""
    try:
        import fcntl
    except ImportError:  # Windows, as in `_hold`
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _hold(file: TextIO, path: Path, until: float) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two processes in one directory are not kept apart there
        return
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise RunError(
                    f"Another process is working in {path}. Wait for it or stop it; `lab runs` shows how far it is."
                ) from None
            time.sleep(0.05)
