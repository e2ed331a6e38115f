"""Interventions: what was changed by hand in a run while it learnt, and how changes are asked for.

    interventions.jsonl          a change a line, in the order in which they were taken: the truth from then on
    requests/<id>.json           what is asked and not answered yet
    requests/<id>.answer.json    what became of it

Every file is written aside and renamed, so that none is ever torn. A request stays until the change is recorded, and is
known by its id there, so a kill between the two neither loses a change nor takes it twice.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lab.store import RunDirectory, RunError, write_json
from lab.writing import written_aside

FILE = "interventions.jsonl"
REQUESTS = "requests"
_ANSWER = ".answer.json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A change of settings that somebody asks for."""

    settings: Mapping[str, Any]  # by dotted name
    why: str
    when: str  # it was asked for: ISO time, UTC
    id: str  # later ones sort behind earlier ones


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """A change of settings that a run took."""

    step: int  # from which on it holds, in the trial's unit
    settings: Mapping[str, Any]  # by dotted name
    why: str
    when: str  # it was asked for: ISO time, UTC
    id: str  # the request's

    @property
    def said(self) -> str:
        """What was changed, in words."""
        return ", ".join(f"{name} = {'none' if value is None else value}" for name, value in self.settings.items())


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request."""

    state: Literal["taken", "refused"]
    step: int
    why: str = ""  # it was refused


def interventions(directory: RunDirectory) -> list[Intervention]:
    """Every change that the run took, in order. Raises RunError where the file is damaged."""
    path = directory.path / FILE
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            said = json.loads(line)
            found.append(Intervention(**{**said, "step": int(said["step"]), "settings": dict(said["settings"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"Line {number} of {path} is no intervention ({error}), and without it the run cannot be repeated. "
                "Restore the file, or start over with --fresh."
            ) from error
    return found


def record(directory: RunDirectory, taken: Sequence[Intervention]) -> None:
    """Writes every change that the run took, durably. Raises RunError if the disk does not take it."""
    path = directory.path / FILE
    try:
        with written_aside(path) as file:
            file.write("".join(json.dumps(asdict(each)) + "\n" for each in taken).encode())
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error.strerror or error}. The request stays; make room and run the same "
            "command again: it goes on from the newest checkpoint and takes it then."
        ) from error


def copy(source: RunDirectory, target: RunDirectory) -> None:
    """Gives a run that is to be repeated the changes that the other one took."""
    if taken := interventions(source):
        record(target, taken)


def nursed_note(directory: RunDirectory) -> str:
    """That a run is none of its settings any more, for who would count it as one; nothing where it was left alone."""
    taken = interventions(directory)
    if not taken:
        return ""
    more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
    return f"it was nursed at step {taken[0].step:,} ({taken[0].said}{more}), so it is no run of these settings"


def refuse_nursed(experiment: str, directories: Iterable[RunDirectory]) -> None:
    """Raises RunError where a run was nursed that is to count as one of its settings."""
    for directory in directories:
        if note := nursed_note(directory):
            seed = directory.path.name.removeprefix("seed-")
            raise RunError(
                f"{directory.path}, seed {seed}, does not count: {note}. Leave that seed out, or start a clean one, "
                f"which keeps this one beside it: lab run {experiment} --seeds {seed} --fresh, with the same settings."
            )


def ask(directory: RunDirectory, settings: Mapping[str, Any], why: str = "") -> Request:
    """Asks for a change of settings, by dotted name, as JSON values. Raises RunError if the disk does not take it."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    request = Request(settings=dict(settings), why=why, when=when, id=f"{time.time_ns():020d}-{secrets.token_hex(3)}")
    write_json(_place(directory, request.id), asdict(request))
    return request


def waiting(directory: RunDirectory) -> list[Request]:
    """What is asked and not answered yet, the earliest first. A file that is no request counts as none."""
    found = []
    for path in sorted((directory.path / REQUESTS).glob("*.json")):
        if path.name.endswith(_ANSWER):
            continue
        try:
            request = Request(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):  # withdrawn meanwhile, or written by somebody else
            continue
        if request.id == path.stem and isinstance(request.settings, dict):
            found.append(request)
    return found


def withdraw(directory: RunDirectory, request: Request) -> bool:
    """Takes a request back; whether it was still there. The run may be at it already, and its answer then says so."""
    try:
        _place(directory, request.id).unlink()
    except FileNotFoundError:
        return False
    return True


def answer(directory: RunDirectory, request: Request | Intervention, said: Answer) -> None:
    """Tells whoever asked, and clears the request away. A change that is taken has to be recorded before."""
    write_json(_place(directory, request.id, _ANSWER), asdict(said))
    _place(directory, request.id).unlink(missing_ok=True)


def answer_to(directory: RunDirectory, request: Request) -> Answer | None:
    """What became of a request, if anything yet."""
    try:
        return Answer(**json.loads(_place(directory, request.id, _ANSWER).read_text()))
    except FileNotFoundError:
        return None


def _place(directory: RunDirectory, name: str, ending: str = ".json") -> Path:
    return directory.path / REQUESTS / f"{name}{ending}"
