"""Tests of the W&B mirror: each step stands once, whatever is killed, offline, online and after `wandb sync`.

Nothing here reaches beyond the loopback interface. The oracle for offline files is `wandb leet inspect`, for
online runs the server in tests/wandb_server.py.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.tracking import LocalTracker
from lab.tracking.segment import whole_records
from tests.wandb_server import RECORD, WandbServer, isolate

ROOT = Path(__file__).parents[2]

# One attempt at a run: a row every 10 steps, a checkpoint every 50. It goes on from its checkpoint file, and on
# SIGTERM it saves and finishes, as lab.run does. Rows are fat, so that W&B's 32 KiB blocks tear when it is killed.
ATTEMPT = """
import json, logging, os, signal, sys, time
from pathlib import Path
from lab.tracking import LocalTracker, Trackers, WandbTracker

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
job = json.loads(sys.argv[1])
directory = Path(job["directory"])
mirror = WandbTracker(directory, mode=job["mode"], record=job["record"], init_timeout=2, finish_timeout=2)
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
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))


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


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("wandb/offline-run-*/*.wandb"))


def inspected(directory: Path) -> list[dict[str, Any]]:
    """The rows of all offline segments in order, as W&B's own inspector reads them."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]
    readers = [subprocess.Popen([*command, str(path)], stdout=subprocess.PIPE) for path in segments(directory)]
    records = [json.loads(line) for reader in readers for line in reader.communicate()[0].splitlines()]
    return [record["history"]["item"] for record in records if record["type"] == "history"]


def recorded(directory: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (directory / "metrics.jsonl").read_text().splitlines()]


def synced(directory: Path) -> None:
    folders = [str(segment.parent) for segment in segments(directory)]
    subprocess.run([sys.executable, "-m", "wandb", "sync", *folders], capture_output=True, timeout=60)


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
    killed_at_random(tmp_path, 3, steps, seed=1)
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
    killed_at_random(tmp_path, 2, 3000, seed=2)
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
    assert "wait for `lab sync`" in said
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
