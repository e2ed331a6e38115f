"""Tests of the W&B mirror: each step stands once, whatever is killed, offline, online and after `wandb sync`.

Nothing here reaches beyond the loopback interface. The oracle for offline files is `wandb leet inspect`, for
online runs the server in tests/wandb_server.py.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.tracking import LocalTracker, Trackers, WandbTracker, trackers
from lab.tracking.account import answers, has_account
from lab.tracking.segment import MAGIC, freeze, whole_records
from tests.wandb_server import WandbServer

ROOT = Path(__file__).parents[2]
RECORD = {
    "experiment": "probe",
    "variant": None,
    "hash": "abcdef",
    "seed": 3,
    "unit": "updates",
    "config": {"agent": {"discount": 0.99}, "run": {"steps": 100}},
}
CLOSED = "http://127.0.0.1:9"  # nobody listens there

# One attempt at a run: a row every 10 steps, a checkpoint every 50. It goes on from its checkpoint file, and on
# SIGTERM it saves and finishes, as lab.run does. Rows are fat, so that W&B's 32 KiB blocks tear when it is killed.
ATTEMPT = """
import json, logging, os, signal, sys, time
from pathlib import Path
from lab.tracking import LocalTracker, Trackers, WandbTracker

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
job = json.loads(sys.argv[1])
directory = Path(job["directory"])
mirror = WandbTracker(directory, mode=job["mode"], record=job["record"], init_timeout=3, finish_timeout=3)
tracker = Trackers(LocalTracker(directory / "metrics.jsonl"), mirror)
checkpoint = directory / "checkpoint"
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))

def save(step):
    aside = directory / "checkpoint.aside"
    aside.write_text(str(step))
    os.replace(aside, checkpoint)
    tracker.commit(step)

start = int(checkpoint.read_text()) if checkpoint.exists() else -1
tracker.rewind(start)
print(mirror.mode, flush=True)
for step in range(max(start, 0) + 10, job["steps"] + 1, 10):
    tracker.log(step, {f"train/metric_{i}": step + i / 7 for i in range(25)})
    time.sleep(job["pause"])
    if step % 50 == 0:
        save(step)
    if stopped:
        save(step)
        break
if job["wait"]:
    print("waiting", flush=True)
    sys.stdin.readline()
tracker.finish("interrupted" if stopped else "finished")
print("done", mirror.mode, flush=True)
"""


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, no settings of the user's, no way out."""
    home = tmp_path_factory.mktemp("home")
    for name in [*os.environ]:
        if name.startswith("WANDB_") or name.lower().endswith("_proxy") or name == "NETRC":
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(home),
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DATA_DIR": str(home / "data"),
        "WANDB_BASE_URL": CLOSED,
        "WANDB_ERROR_REPORTING": "false",
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


def online(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


class Attempt:
    """A process that trains in `directory` until it is done, killed or stopped."""

    def __init__(self, directory: Path, mode: str = "auto", steps: int = 300, pause: float = 0, wait: bool = False):
        job = {"directory": str(directory), "mode": mode, "steps": steps, "pause": pause, "wait": wait}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ATTEMPT, json.dumps(job | {"record": RECORD})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.mode = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.communicate()

    def end(self) -> tuple[str, str]:
        """Waits for the end; returns the mode at the end and what was written to stderr."""
        out, err = self.process.communicate("\n")
        assert self.process.returncode == 0, err
        return out.split()[-1], err


def wandb_cli(*arguments: str) -> str:
    command = [sys.executable, "-m", "wandb", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("wandb/offline-run-*/*.wandb"))


def inspected(directory: Path) -> list[dict[str, Any]]:
    """The rows of all offline segments in order, as W&B's own inspector reads them."""
    rows = []
    for segment in segments(directory):
        for line in wandb_cli("leet", "inspect", "--json", str(segment)).splitlines():
            record = json.loads(line)
            if record["type"] == "history":
                rows.append(record["history"]["item"])
    return rows


def recorded(directory: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (directory / "metrics.jsonl").read_text().splitlines()]


def synced(directory: Path) -> None:
    wandb_cli("sync", *(str(segment.parent) for segment in segments(directory)))


def killed_at_random(directory: Path, times: int, steps: int, seed: int) -> None:
    """Starts the run again and again, each time to be killed at some moment of its first half second."""
    moments = random.Random(seed)
    for _ in range(times):
        attempt = Attempt(directory, steps=steps, pause=0.002)
        time.sleep(moments.uniform(0, 0.5))
        attempt.signal(signal.SIGKILL)


def test_offline_each_step_stands_once_after_kills_and_after_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    steps = 6000
    due = list(range(10, steps + 1, 10))
    killed_at_random(tmp_path, 4, steps, seed=1)
    stopped = Attempt(tmp_path, steps=steps, pause=0.002)
    stopped.signal(signal.SIGTERM)
    assert stopped.process.returncode == 0
    assert Attempt(tmp_path, steps=steps).end()[0] == "offline"

    rows = inspected(tmp_path)
    assert [row["global_step"] for row in rows] == due == recorded(tmp_path)
    assert all(row["train/metric_24"] == pytest.approx(row["global_step"] + 24 / 7) for row in rows)
    assert len({segment.name for segment in segments(tmp_path)}) == 1  # one id, several starts
    assert len(segments(tmp_path)) > 2

    online(monkeypatch, server)
    synced(tmp_path)
    synced(tmp_path)
    (run,) = server.runs.values()
    assert run.global_steps == due
    assert [row["_step"] for row in run.rows] == due

    # With an account and everything uploaded, the raised budget goes on online, under the same id.
    mode, _ = Attempt(tmp_path, steps=steps + 200).end()
    assert mode == "online"
    assert list(server.runs.values()) == [run]
    assert run.global_steps == list(range(10, steps + 201, 10))
    assert run.config["run"] == {"steps": 100}
    assert run.config["seed"] == 3
    assert run.identity["groupName"] == "probe-abcdef"
    assert run.identity["project"] == "lab"
    assert (run.exit_code, run.summary["global_step"]) == (0, steps + 200)


def test_online_each_step_stands_once_after_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    online(monkeypatch, server)
    killed_at_random(tmp_path, 3, 3000, seed=2)
    assert Attempt(tmp_path, steps=3000).end()[0] == "online"
    (run,) = server.runs.values()
    assert run.global_steps == list(range(10, 3001, 10)) == recorded(tmp_path)
    assert run.summary["global_step"] == 3000


def test_a_torn_segment_that_was_uploaded_is_not_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    """`wandb sync` uploads all that is readable of a torn file, but does not note that it did."""
    Attempt(tmp_path).end()
    (segment,) = segments(tmp_path)
    whole = segment.read_bytes()
    _, end = whole_records(whole[: len(whole) // 2])
    segment.write_bytes(whole[: end + 20])
    with monkeypatch.context() as account:
        online(account, server)
        synced(tmp_path)
    (run,) = server.runs.values()
    assert 0 < len(run.rows) < 30
    assert not segment.with_name(segment.name + ".synced").exists()  # else this test tests nothing

    Attempt(tmp_path, mode="offline", steps=400).end()
    assert [row["global_step"] for row in inspected(tmp_path)] == list(range(10, 401, 10))
    online(monkeypatch, server)
    synced(tmp_path)
    assert run.global_steps == list(range(10, 401, 10))


def test_a_dying_server_costs_time_limits_only_and_is_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    online(monkeypatch, server)
    first = Attempt(tmp_path, wait=True)
    assert (first.mode, first.line()) == ("online", "waiting")
    server.hang.set()
    mode, said = first.end()
    assert mode == "off"
    assert said.count("WARNING") == 1
    assert "could not finish: TimeoutError" in said
    assert recorded(tmp_path) == list(range(10, 301, 10))

    # While it is away, nobody knows which rows it holds: they wait.
    mode, said = Attempt(tmp_path, steps=400).end()
    assert mode == "off"
    assert "only the server knows" in said
    assert segments(tmp_path) == []

    server.hang.clear()
    assert Attempt(tmp_path, steps=500).end()[0] == "online"
    (run,) = server.runs.values()
    assert run.global_steps == list(range(10, 501, 10)) == recorded(tmp_path)


@pytest.mark.parametrize("failure", ["hangs at once", "hangs later", "rejects the key"])
def test_a_server_that_does_not_open_the_run_leaves_it_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer, failure: str
) -> None:
    online(monkeypatch, server)
    if failure == "hangs at once":
        server.hang.set()
    elif failure == "hangs later":
        server.hang_graphql.set()
    else:
        monkeypatch.setenv("WANDB_API_KEY", "short")
    mode, said = Attempt(tmp_path, mode="online").end()
    assert mode == "offline"
    assert said.count("WARNING W&B stays offline") == 1
    assert [row["global_step"] for row in inspected(tmp_path)] == list(range(10, 301, 10))
    assert all(run.history == {} for run in server.runs.values())


def test_offline_segments_are_uploaded_before_a_run_goes_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    Attempt(tmp_path).end()
    online(monkeypatch, server)
    mode, said = Attempt(tmp_path, mode="online", steps=400).end()
    assert mode == "offline"
    assert "wait for `wandb sync`" in said
    assert server.runs == {}
    assert [row["global_step"] for row in inspected(tmp_path)] == list(range(10, 401, 10))


def test_pictures_and_clips_stand_with_their_step_and_are_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    """They are put into the run directory first; the first attempt dies before W&B hears of them."""
    media = tmp_path / "media"
    media.mkdir()
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (0, 250)]
    frames[0].save(media / "000000000150-samples.png")
    frames[0].save(media / "000000000200-episode.gif", save_all=True, append_images=frames[1:])
    frames[0].save(media / "000000000350-samples.png")  # after the last checkpoint
    local = LocalTracker(tmp_path / "metrics.jsonl")
    for step in range(10, 301, 10):
        local.log(step, {"x": step})
    (tmp_path / "checkpoint").write_text("300")
    online(monkeypatch, server)
    Attempt(tmp_path).end()
    (run,) = server.runs.values()
    assert run.global_steps == list(range(10, 301, 10))
    shown = {row["global_step"]: row for row in run.rows}
    assert shown[150]["samples"]["_type"] == "image-file"
    assert shown[200]["episode"]["_type"] == "video-file"
    assert [step for step, row in shown.items() if "samples" in row] == [150]
    original = (media / "000000000150-samples.png").read_bytes()
    assert server.uploads[shown[150]["samples"]["path"]] == original


# -- with a stub in wandb's place: what is sent when, and what happens when it raises ---------------------------


class StubRun:
    """Takes down what a wandb Run is told; raises where asked to."""

    starting_step = 0

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.rows: list[dict[str, Any]] = []
        self.metrics: list[tuple[str, str | None]] = []
        self.exit_code: int | None = None

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.metrics.append((name, step_metric))

    def log(self, row: dict[str, Any], step: int, commit: bool) -> None:
        if self.failing == "log":
            raise ConnectionResetError("the service died")
        assert step == row["global_step"]
        assert commit
        self.rows.append(row)

    def finish(self, exit_code: int) -> None:
        if self.failing == "finish":
            raise SystemExit(1)
        self.exit_code = exit_code


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A wandb without an account, whose `run` the next init returns; `calls` are the inits."""
    settings = SimpleNamespace(base_url=CLOSED, api_key=None)
    module = SimpleNamespace(run=StubRun(), calls=[], Settings=lambda **given: given)
    module.setup = lambda given: SimpleNamespace(settings=settings)

    def init(**given: Any) -> StubRun:
        module.calls.append(given)
        return module.run

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_rows_are_sent_when_a_checkpoint_covers_them(tmp_path: Path, stub: SimpleNamespace) -> None:
    tracker = trackers(tmp_path, record=RECORD)
    for step in (10, 20, 30):
        tracker.log(step, {"x": step})
    assert stub.run.rows == []
    tracker.commit(20)
    assert stub.run.rows == [{"global_step": 10, "x": 10}, {"global_step": 20, "x": 20}]
    tracker.rewind(20)
    tracker.log(30, {"x": -30})
    tracker.commit(30)
    assert stub.run.rows[2:] == [{"global_step": 30, "x": -30}]
    assert stub.run.metrics == [("global_step", None), ("*", "global_step")]


def test_going_back_behind_what_was_sent_sends_nothing_twice(tmp_path: Path, stub: SimpleNamespace) -> None:
    """As when the newest checkpoint is torn and an older one is used."""
    tracker = trackers(tmp_path, record=RECORD)
    for step in (10, 20, 30):
        tracker.log(step, {"x": step})
    tracker.commit(30)
    tracker.rewind(10)
    for step in (20, 30, 40):
        tracker.log(step, {"x": step})
    tracker.commit(40)
    assert [row["global_step"] for row in stub.run.rows] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("state", "sent", "exit_code"), [("finished", [10, 20], 0), ("interrupted", [10], 143), ("failed", [10], 1)]
)
def test_finishing_sends_the_rest_only_if_the_run_is_over(
    tmp_path: Path, stub: SimpleNamespace, state: str, sent: list[int], exit_code: int
) -> None:
    tracker = trackers(tmp_path, record=RECORD)
    tracker.log(10, {})
    tracker.commit(10)
    tracker.log(20, {})
    tracker.finish(state)
    assert [row["global_step"] for row in stub.run.rows] == sent
    assert stub.run.exit_code == exit_code


def test_the_id_survives_resumes_and_is_new_in_a_fresh_directory(tmp_path: Path, stub: SimpleNamespace) -> None:
    for directory in ("a", "a", "b"):
        trackers(tmp_path / directory, record=RECORD).finish("interrupted")
    first, again, fresh = (call["id"] for call in stub.calls)
    assert first == again != fresh
    assert first.startswith("abcdef-3-")
    assert {call["resume"] for call in stub.calls} == {"allow"}


@pytest.mark.parametrize("failing", ["init", "log", "finish"])
def test_whatever_wandb_raises_training_goes_on_with_one_warning(
    tmp_path: Path, stub: SimpleNamespace, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    stub.run = StubRun(failing)
    if failing == "init":
        del stub.init
    with caplog.at_level(logging.WARNING):
        tracker = trackers(tmp_path, record=RECORD)
        for step in (10, 20):
            tracker.log(step, {})
            tracker.commit(step)
        tracker.finish("finished")
    (warning,) = caplog.messages
    assert "W&B is switched off for this run, because it could not" in warning
    assert "metrics.jsonl" in warning
    assert recorded(tmp_path) == [10, 20]


@pytest.mark.parametrize(
    ("mode", "variable", "used"),
    [("auto", "offline", "offline"), ("auto", "dryrun", "offline"), ("auto", "", "offline"), ("offline", "online", "offline")],
)
def test_the_settings_of_the_run_go_before_those_of_the_environment(
    tmp_path: Path, stub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, mode: Any, variable: str, used: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", variable)
    tracker = trackers(tmp_path, mode=mode, record=RECORD)
    assert isinstance(tracker, Trackers)
    assert isinstance(tracker.trackers[1], WandbTracker)
    assert tracker.trackers[1].mode == used == stub.calls[0]["mode"]


@pytest.mark.parametrize(
    ("variable", "netrc", "found"),
    [
        ({}, "", False),
        ({"WANDB_IDENTITY_TOKEN_FILE": "/token"}, "", True),
        ({}, "machine 127.0.0.1:9 login user password secret", True),
        ({}, "machine api.wandb.ai login user password secret", False),
        ({}, "this is no netrc file", False),
    ],
)
def test_an_account_is_found_where_wandb_looks(
    monkeypatch: pytest.MonkeyPatch, variable: dict[str, str], netrc: str, found: bool
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    path = Path.home() / ".netrc"
    path.write_text(netrc)
    path.chmod(0o600)
    assert has_account(SimpleNamespace(base_url=CLOSED, api_key=None)) is found
    assert has_account(SimpleNamespace(base_url=CLOSED, api_key="key"))


def test_a_server_is_there_if_it_answers(server: WandbServer) -> None:
    assert answers(server.url)
    assert not answers(CLOSED)
    server.hang.set()
    assert not answers(server.url, timeout=0.2)


# -- the transaction log -----------------------------------------------------------------------------------------


def written(records: list[bytes]) -> bytes:
    """Writes the log format by its description, as the counterpart of the reader."""
    log = bytearray(MAGIC)
    for record in records:
        rest, begun = record, False
        while True:
            room = 32768 - len(log) % 32768
            if room < 7:
                log += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (3 if rest else 4) if begun else (2 if rest else 1)
            log += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            begun = True
            if not rest:
                break
    return bytes(log)


def test_records_are_read_across_blocks_and_up_to_the_first_damage() -> None:
    sizes = [1, 100, 32768 - 7 - 7 - 7 - 101 - 7 - 3, 40000, 0, 70000, 5]  # the third leaves 3 bytes of its block
    records = [bytes([number]) * size for number, size in enumerate(sizes)]
    data = written(records)
    assert whole_records(data) == (records, len(data))
    ends = [len(written(records[:count])) for count in range(len(records) + 1)]
    for length in {*ends, *(end - 1 for end in ends), *(end + 8 for end in ends), 0, 3, 32768, 65536}:
        found, end = whole_records(data[:length])
        assert found == records[: len(found)]
        assert end <= length
        assert len(found) == max((count for count, at in enumerate(ends) if at <= length), default=0)
    for position in (ends[2] + 2, ends[2] + 500, ends[3] - 1):
        damaged = bytearray(data)
        damaged[position] ^= 1
        assert whole_records(bytes(damaged)) == (records[:2], ends[2])


def test_a_frozen_segment_no_longer_takes_what_an_old_writer_adds(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    with path.open("wb", buffering=0) as service:
        service.write(b"whole records and a to")
        freeze(path, b"whole records")
        service.write(b"rn one, completed late")
    assert path.read_bytes() == b"whole records"
    assert [file.name for file in tmp_path.iterdir()] == ["run-x.wandb"]
