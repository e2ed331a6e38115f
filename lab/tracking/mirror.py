"""W&B as a mirror of the run directory: offline without account or network, never asking, never in the way.

What makes each step stand once in W&B, whatever is killed when:

- Rows wait in memory until a checkpoint covers them, so nothing that W&B holds is ever rolled back.
- W&B's own step is the global step, so a server takes no step twice, and `wandb sync` renumbers nothing.
- A run that goes on asks what W&B holds. Offline it reads the `.wandb` files of its earlier starts, once
  frozen; online the server says its last step. What is missing is sent again from `metrics.jsonl`.
- A run whose offline files wait for `wandb sync` stays offline, and one that was ever online sends nothing
  while the server cannot be asked: its rows wait in `metrics.jsonl` for the next start.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Literal

from lab.interventions import interventions
from lab.store import RunDirectory
from lab.tracking.account import obstacle_to, weights_are_wanted
from lab.tracking.local import LocalTracker, read_rows
from lab.tracking.segment import freeze, whole_records
from lab.tracking.tracker import Trackers

Mode = Literal["auto", "online", "offline", "off"]

INIT_TIMEOUT = 15.0  # seconds until a server that does not answer is given up at the start
FINISH_TIMEOUT = 20.0  # seconds that the end of a run waits for the upload
EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 143}  # 143: as a shell reports SIGTERM

_WANDB_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "off",
    "off": "off",  # the lab's own word for it
}
_MEDIUM = re.compile(r"(\d+)-(.+)\.(png|jpg|jpeg|gif|mp4|txt)")

log = logging.getLogger("lab.tracking")


def trackers(directory: Path, *, mode: Mode = "auto", record: Mapping[str, Any]) -> Trackers:
    """Builds the trackers of a run directory: its metrics.jsonl and, unless it is off, the W&B mirror.

    `record` is the content of the run's config.json. `mode` "auto" follows WANDB_MODE where that is set, and
    is online where there is an account and a network, else offline.
    """
    local = LocalTracker(directory / "metrics.jsonl")
    mode = _wanted(mode)
    if mode == "off":
        return Trackers(local)
    return Trackers(local, WandbTracker(directory, mode=mode, record=record))


def wandb_outlook() -> str:
    """Says what a run with the mode "auto" would do from here, and why."""
    mode = _wanted("auto")
    if mode == "off":
        return "off, because WANDB_MODE says so"
    import wandb

    settings = wandb.setup(wandb.Settings(silent=True)).settings
    obstacle = obstacle_to(settings, mode == "offline", waiting=False)
    return f"offline, because {obstacle}" if obstacle else f"online at {settings.base_url}"


def project() -> str:
    """The W&B project that runs go to."""
    return os.environ.get("WANDB_PROJECT") or "lab"


def uploaded_id(directory: Path) -> str | None:
    """The W&B id of a run directory that a server has heard of; None where none has."""
    try:
        stored = json.loads((directory / "wandb" / "id.json").read_text())
        return str(stored["id"]) if stored["online"] else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def waiting_segments(directory: Path, record: Mapping[str, Any]) -> list[Path]:
    """The folders of a run's offline starts that hold rows and were not uploaded yet, in order."""
    identity = _Identity(directory / "wandb" / "id.json", record)
    return [path.parent for path, held, synced in _segments(directory, identity.id) if held and not synced]


class WandbTracker:
    """Mirrors one run directory to W&B. Whatever goes wrong switches the mirror off with one warning."""

    def __init__(
        self,
        directory: Path,
        *,
        mode: Mode,
        record: Mapping[str, Any],
        or_offline: bool = True,
        checkpoint: bool = False,
        init_timeout: float = INIT_TIMEOUT,
        finish_timeout: float = FINISH_TIMEOUT,
        artifact_timeout: float = FINISH_TIMEOUT,
    ) -> None:
        """Where it cannot be online it is offline, or off if it is not to be `or_offline`. Timeouts are seconds.

        Online, the weights of a finished run go up at its end, and its newest `checkpoint` if asked for.
        """
        self.directory, self._or_offline, self._checkpoint = directory, or_offline, checkpoint
        self.obstacle = ""  # why it is off
        self.unsent: list[str] = []  # artifacts that the server did not take, and why
        self.left_out: list[str] = []  # those that there is nothing to send of, and why
        self.mode: Mode = "off"  # what it came to be: online, offline or off
        self._record = record
        self._artifact_timeout = artifact_timeout
        self._covered = -1  # the last step that a checkpoint covers
        self._timeouts = {"init_timeout": init_timeout, "finish_timeout": finish_timeout}
        self._pending: dict[int, dict[str, Any]] = {}  # by step: rows that no checkpoint covers yet
        self._held: set[int] = set()  # steps that W&B holds
        self._floor = -1  # it also holds every step up to here
        self._run: Any = None  # the wandb Run; None when off
        self._wandb: Any = None  # the module, imported where it is wanted
        self._id = ""
        self._safely("start", lambda: self._start(mode))

    def log(self, step: int, row: Mapping[str, float]) -> None:
        if self._run is not None:
            self._pending.setdefault(step, {}).update(row)

    def media(self, step: int, name: str, path: Path) -> None:
        if self._run is not None:
            self._pending.setdefault(step, {})[name] = path

    def commit(self, step: int) -> None:
        self._covered = step
        due = sorted(pending for pending in self._pending if pending <= step)
        self._send({pending: self._pending.pop(pending) for pending in due})

    def rewind(self, step: int) -> None:
        """Drops what waits, and sends what the run directory holds up to `step` and W&B does not."""
        self._covered = step
        self._pending.clear()
        self._safely("catch up", lambda: self._send(self._recorded(step)))

    def finish(self, state: str, state_sha256: str | None = None) -> None:
        """Ends the W&B run. Rows that no checkpoint covers are left out, unless the run is over for good."""
        if state == "finished" and self._pending:
            self.commit(max(self._pending))
        run, self._run = self._run, None
        if run is not None:
            self._safely("tell what was nursed", lambda: self._tell_nursed(run))
            self._safely("finish", lambda: run.finish(exit_code=EXIT_CODES.get(state, 1)))
            if self.mode == "online":
                self._send_artifacts(state, state_sha256)

    def _tell_nursed(self, run: Any) -> None:
        if nursed := _nursed(self.directory):
            run.config.update(nursed, allow_val_change=True)

    def _send_artifacts(self, state: str, state_sha256: str | None) -> None:
        """Sends them by opening the run once more: the rows of a W&B run wait for its artifacts, and not all arrive."""
        from lab.tracking.artifact import Parcel, checkpoint, send, weights

        folder, record, step = self.directory, self._record, self._covered
        wanted: dict[str, Callable[[Path], Parcel]] = {}
        if state == "finished" and weights_are_wanted():
            wanted["weights"] = lambda aside: weights(folder, record, step, state_sha256, aside)
        if self._checkpoint:
            wanted["checkpoint"] = lambda aside: checkpoint(folder, record)
        again = lambda: self._init(self._wandb, self._id, "online")  # noqa: E731
        self.left_out, self.unsent = send(
            wanted, again, EXIT_CODES.get(state, 1), aside=folder / "wandb" / "artifact", timeout=self._artifact_timeout
        )
        for what in self.unsent if self._or_offline else []:  # else whoever uploads tells it
            log.warning("%s: %s. Training and rows are whole; `lab sync` sends it again.", folder, what)

    def _safely(self, doing: str, action: Callable[[], None]) -> None:
        """Runs the action; whatever wandb raises, even SystemExit, training goes on."""
        try:
            action()
        except (Exception, SystemExit) as error:
            self._switch_off(f"it could not {doing}: {type(error).__name__}: {error}")

    def _switch_off(self, reason: str) -> None:
        self._run, self.mode = None, "off"
        self._pending.clear()
        self.obstacle = reason
        if not self._or_offline:  # whoever uploads tells it
            return
        log.warning(
            "W&B is switched off for this run, because %s. Nothing is lost: every row stands in %s, and W&B "
            "gets what it lacks when this run is started again. Say --run.wandb off to do without it.",
            reason,
            self.directory / "metrics.jsonl",
        )

    def _start(self, wanted: Mode) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it posts telemetry even to private servers
        import wandb

        settings = wandb.setup(wandb.Settings(silent=True)).settings
        identity = _Identity(self.directory / "wandb" / "id.json", self._record)
        self._wandb, self._id = wandb, identity.id
        segments = list(_segments(self.directory, identity.id))
        for _, held, _ in segments:
            self._held |= held
        waiting = any(held and not synced for _, held, synced in segments)
        obstacle = obstacle_to(settings, wanted == "offline", waiting)
        if obstacle and identity.online:
            self._switch_off(f"{obstacle}, and only the server knows which rows of this run it holds")
            return
        expected = wanted == "online" or not obstacle
        if not obstacle:
            obstacle = self._go_online(wandb, identity)
        if obstacle and not self._or_offline:
            self._switch_off(obstacle)
        elif obstacle:
            log.log(
                logging.WARNING if expected else logging.DEBUG,
                "W&B stays offline for this run, because %s. It is recorded in %s; upload it with `lab sync`.",
                obstacle,
                self.directory / "wandb",
            )
            self._run = self._init(wandb, identity.id, "offline")
            self.mode = "offline"

    def _go_online(self, wandb: Any, identity: _Identity) -> str:
        """Opens the run on the server; returns what stands in the way, or nothing."""
        try:
            self._run = self._init(wandb, identity.id, "online")
        except Exception as error:
            if identity.online:
                raise
            wandb.teardown()  # or its service would hold on to the id, and the offline run could not have it
            return f"the server did not open the run ({type(error).__name__}: {error})"
        identity.remember_online()
        self.mode = "online"
        self._floor = self._run.starting_step - 1  # the step of the last history row that the server holds
        return ""

    def _init(self, wandb: Any, run_id: str, mode: str) -> Any:
        record = self._record
        name = f"{record['experiment']}-{record['hash']}"
        described = {key: record.get(key) for key in ("experiment", "variant", "hash", "seed", "unit")}
        run = wandb.init(
            mode=mode,
            dir=str(self.directory),
            project=project(),
            id=run_id,
            resume="allow",
            name=f"{name}-seed-{record['seed']}",
            group=name,
            job_type="train",
            tags=[str(record[key]) for key in ("experiment", "variant") if record.get(key)],
            config={**described, **record.get("config", {}), **_nursed(self.directory)},
            settings=wandb.Settings(
                silent=True,
                console="off",
                reinit="create_new",
                finish_timeout_raises=True,
                x_transaction_log_flush_interval=0.2,  # seconds; by default a kill costs the last 15
                **self._timeouts,
            ),
        )
        run.define_metric("global_step")
        run.define_metric("*", step_metric="global_step")
        return run

    def _send(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Sends rows in the order given, without those that W&B holds."""
        for step, row in rows.items():
            if self._run is None:
                return
            if step > self._floor and step not in self._held:
                self._safely("take a row", lambda step=step, row=row: self._log(step, row))  # type: ignore[misc]

    def _log(self, step: int, row: Mapping[str, Any]) -> None:
        values = {name: _medium(value) if isinstance(value, Path) else value for name, value in row.items()}
        self._run.log({"global_step": step, **values}, step=step, commit=True)
        self._held.add(step)

    def _recorded(self, step: int) -> dict[int, dict[str, Any]]:
        """What the run directory holds up to `step`: metrics, pictures and clips, by step in order."""
        found: dict[int, dict[str, Any]] = {}
        for row in read_rows(self.directory / "metrics.jsonl"):
            found[int(row["step"])] = {name: value for name, value in row.items() if name != "step"}
        for path in sorted((self.directory / "media").glob("*")):
            match = _MEDIUM.fullmatch(path.name)
            if match and not (path.suffix == ".txt" and _is_caption(path)):
                found.setdefault(int(match[1]), {})[match[2]] = path
        return {at: found[at] for at in sorted(found) if at <= step}


def _nursed(directory: Path) -> dict[str, Any]:
    """What was changed by hand in a run, for its config; nothing where it was left alone."""
    told = [f"from step {each.step}: {each.said}" for each in interventions(RunDirectory(directory))]
    return {"nursed": told} if told else {}


class _Identity:
    """The W&B id of a run directory: drawn once, so that resumes keep it and a fresh directory has its own."""

    def __init__(self, path: Path, record: Mapping[str, Any]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            stored = json.loads(path.read_text())
            self.id, self.online = str(stored["id"]), bool(stored["online"])
        else:
            self.id, self.online = f"{record['hash']}-{record['seed']}-{secrets.token_hex(4)}", False
            self._write()

    def remember_online(self) -> None:
        """Notes that the server may hold rows of this run that no file here tells of."""
        if not self.online:
            self.online = True
            self._write()

    def _write(self) -> None:
        aside = self.path.with_name(f".{self.path.name}")
        aside.write_text(json.dumps({"id": self.id, "online": self.online}) + "\n")
        aside.replace(self.path)


def _wanted(mode: Mode) -> Mode:
    """The run's own setting, or what WANDB_MODE says where that leaves it open."""
    named = os.environ.get("WANDB_MODE", "").lower()
    return _WANDB_MODES.get(named, "auto") if mode == "auto" else mode


def _segments(directory: Path, run_id: str) -> Iterator[tuple[Path, set[int], bool]]:
    """Yields (file, steps held, whether uploaded) for each earlier offline start, frozen if it was cut short."""
    for path in sorted(directory.glob(f"wandb/offline-run-*/run-{run_id}.wandb")):
        data = path.read_bytes()
        records, end = whole_records(data)
        held, closed = _contents(records)
        if not closed:
            freeze(path, data[:end])
            if end < len(data) and path.with_name(path.name + ".syncstate").exists():
                # `wandb sync` uploads all that is readable, then fails at the torn end and would begin anew.
                path.with_name(path.name + ".synced").touch()
        yield path, held, path.with_name(path.name + ".synced").exists()


def _contents(records: list[bytes]) -> tuple[set[int], bool]:
    """Returns the global steps that a segment holds, and whether its run came to its end."""
    from wandb.proto.wandb_internal_pb2 import Record

    steps: set[int] = set()
    closed = False
    for record in map(Record.FromString, records):
        closed |= record.HasField("exit")
        for item in record.history.item:
            if "global_step" in (item.key, *item.nested_key):
                steps.add(int(json.loads(item.value_json)))
    return steps, closed


def _is_caption(path: Path) -> bool:
    """Whether a text lies beside a picture or clip of the same name, and is no passage of its own."""
    return any(other != path for other in path.parent.glob(f"{path.stem}.*"))


def _medium(path: Path) -> Any:
    import wandb

    kind = path.suffix.removeprefix(".")
    if kind == "txt":
        return wandb.Html(f"<pre>{escape(path.read_text(encoding='utf-8'))}</pre>", inject=False)
    return wandb.Video(str(path), format=kind) if kind in ("gif", "mp4") else wandb.Image(str(path))
