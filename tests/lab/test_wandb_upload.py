"""`lab sync`: what ran offline or without W&B stands on the server once, whatever is cut short and however often."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import wandb

from lab.cli import main
from lab.launching import launch
from lab.store import RunDirectory, RunError
from lab.tracking.upload import NOTE, Uploaded, upload
from tests.wandb_server import CLOSED, StoredRun, WandbServer, isolate

pytestmark = pytest.mark.usefixtures("toys")
DUE = [5, 10, 15, 20]  # steps at which `walk` logs


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))
    wandb.teardown()


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


def account(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    settings(monkeypatch, server.environment)


def settings(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """As another process would find them: this one has read the old ones."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wandb.teardown()


def ran(mode: str, seed: int = 0, **changes: object) -> RunDirectory:
    (run,) = launch("walk", [seed], changes={"run.wandb": mode} | changes)
    return run.directory


def stored(server: WandbServer, directory: RunDirectory) -> StoredRun:
    seed = directory.record()["seed"]
    (name,) = [name for name in server.runs if name.startswith(f"{directory.record()['hash']}-{seed}-")]
    return server.runs[name]


def test_each_step_stands_once_however_often(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    offline, without = ran("offline", 0), ran("off", 1)
    account(monkeypatch, server)
    assert main(["sync"]) == 0
    assert capsys.readouterr().out.endswith("2 uploaded, 0 were complete, 0 failed.\n")
    for directory in (offline, without):
        run = stored(server, directory)
        assert run.global_steps == DUE
        assert run.rows[1]["eval/score"] == directory.rows()[1]["eval/score"]
        assert "place" in run.rows[-1], "the picture of its step"
        assert run.exit_code == 0
        assert run.config["walk"]["drift"] == 0.5
    asked = len(server.requests)
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == "0 uploaded, 2 were complete, 0 failed.\n"
    assert server.requests[asked:] == ["GET /", "POST /graphql"], "it is asked who has the key, and nothing else"
    (without.path / "wandb" / "synced.json").unlink()  # as if it had been cut short at the end
    assert main(["sync", f"walk/{without.record()['hash']}/seed-1"]) == 0
    assert stored(server, without).global_steps == DUE


def test_a_raised_budget_is_uploaded_behind_what_is_there(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    directory = ran("offline")
    account(monkeypatch, server)
    assert upload(directory).did == "uploaded"
    settings(monkeypatch, {"WANDB_BASE_URL": CLOSED})
    ran("off", **{"run.steps": 30})
    account(monkeypatch, server)
    assert upload(directory).did == "uploaded"
    assert stored(server, directory).global_steps == [*DUE, 25, 30]
    assert upload(directory).did == "nothing"


def test_another_project_is_not_taken_for_the_one_that_has_it(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    directory = ran("off")
    account(monkeypatch, server)
    assert upload(directory).did == "uploaded"
    settings(monkeypatch, {"WANDB_PROJECT": "paper"})
    told = upload(directory)
    assert told.did == "failed"
    assert "/lab before, and not to http" in told.why
    monkeypatch.delenv("WANDB_PROJECT")
    assert upload(directory).did == "nothing"


def test_what_was_killed_is_told_as_interrupted_and_what_diverged_goes_up_whole(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer
) -> None:
    killed, diverged = ran("off", 0), ran("off", 1)
    account(monkeypatch, server)
    last = killed.status()["step"]
    killed.write_status("running", step=last, budget=last, unit="paces", saved=last)
    diverged.write_status("failed", step=last, budget=last, unit="paces", error="NonFiniteMetric: the loss is nan")
    assert [upload(each).did for each in (killed, diverged)] == ["uploaded", "uploaded"]
    assert [stored(server, each).exit_code for each in (killed, diverged)] == [143, 1]
    assert stored(server, diverged).global_steps == DUE


def test_rows_that_a_resumed_run_will_make_again_wait(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    directory = ran("off", nan_at=None)
    directory.write_status("interrupted", step=20, budget=40, unit="paces", saved=10)
    account(monkeypatch, server)
    assert upload(directory).did == "uploaded"
    assert stored(server, directory).global_steps == [5, 10]
    directory.write_status("finished", step=20, budget=20, unit="paces", saved=20)
    assert upload(directory).did == "uploaded"
    assert stored(server, directory).global_steps == DUE


@pytest.mark.parametrize("mode", ["off", "offline"])
def test_a_network_that_fails_midway_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, mode: str
) -> None:
    directory = ran(mode)
    account(monkeypatch, server)
    server.hang_graphql.set()
    found = upload(directory, sync_timeout=5, init_timeout=2, finish_timeout=2)
    assert found.did == "failed"
    assert found.why
    server.hang_graphql.clear()
    assert upload(directory).did == "uploaded"
    assert stored(server, directory).global_steps == DUE


def test_a_run_at_work_is_left_for_later(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    directory = ran("off")
    account(monkeypatch, server)
    with directory.lock(), pytest.raises(RunError, match="Another process is working in"):
        upload(directory)


def test_without_an_account_it_says_so_once(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["sync"]) == 2
    assert f"There are no runs under {runs} to upload" in capsys.readouterr().err
    ran("off")
    assert main(["sync"]) == 1
    said = capsys.readouterr().err
    assert "Nothing was uploaded, because there is no account for http://127.0.0.1:9" in said
    assert not list(runs.rglob("offline-run-*")), "and begins nothing offline"


@pytest.mark.parametrize("obstacle", ["away", "hangs", "wrong key", "refuses"])
def test_what_is_in_the_way_of_all_runs_is_said_once(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, capsys: pytest.CaptureFixture[str], obstacle: str
) -> None:
    directory = ran("off")
    account(monkeypatch, server)
    said = {
        "away": f"{CLOSED} does not answer",
        "hangs": f"{server.url} does not answer",
        "wrong key": f"{server.url} does not know the account (run `wandb login --relogin`",
        "refuses": f"{server.url} does not know the account",
    }
    if obstacle == "away":
        monkeypatch.setenv("WANDB_BASE_URL", CLOSED)
    elif obstacle == "hangs":
        monkeypatch.setattr("lab.tracking.account.answers.__defaults__", (0.3,))
        server.hang.set()
    elif obstacle == "wrong key":
        server.viewer = None
    else:
        server.failing["Viewer"] = 401
    assert main(["sync"]) == 1
    assert f"Nothing was uploaded, because {said[obstacle]}" in capsys.readouterr().err
    assert server.runs == {}
    assert not (directory.path / "wandb").exists()


def test_a_server_that_breaks_midway_costs_nothing(monkeypatch: pytest.MonkeyPatch, server: WandbServer) -> None:
    directory = ran("off")
    account(monkeypatch, server)
    server.failing["UpsertBucket"] = 500
    found = upload(directory, init_timeout=2, finish_timeout=2)
    assert found.did == "failed"
    assert "because the server did not open the run" in found.why
    server.failing.clear()
    wandb.teardown()
    assert upload(directory).did == "uploaded"
    assert stored(server, directory).global_steps == DUE


def test_where_the_server_has_gone_the_rest_is_not_tried(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        ran("off", seed)
    account(monkeypatch, server)

    def dying(directory: RunDirectory, **_: object) -> Uploaded:
        server.close()
        return Uploaded(directory, "failed", "the connection broke")

    monkeypatch.setattr("lab.tracking.upload.upload", dying)
    assert main(["sync"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("seed-0  the connection broke")
    assert lines[1:] == [
        f"Stopped with 2 runs to go, because {server.url} does not answer.",
        "0 uploaded, 0 were complete, 1 failed.",
    ]


def test_what_ails_one_run_is_said_and_the_others_go_up(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    torn, damaged, begun, busy, whole = (ran("off", seed) for seed in range(5))
    (torn.path / "config.json").write_bytes((torn.path / "config.json").read_bytes()[:40])
    lines = damaged.metrics_file.read_bytes().splitlines(keepends=True)
    damaged.metrics_file.write_bytes(lines[0] + b'{"step": \n' + b"".join(lines[1:]))
    (begun.path / "status.json").unlink()  # launched, and killed before its first checkpoint
    account(monkeypatch, server)
    with busy.lock():
        assert main(["sync"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert f"{torn.path / 'config.json'} is not JSON" in said[0]
    assert f"Line 2 of {damaged.metrics_file} is damaged" in said[1]
    assert "Another process is working in" in said[2]
    assert said[3:] == [f"uploaded: {whole.path}", "1 uploaded, 1 were complete, 3 failed."]
    assert stored(server, whole).global_steps == DUE
    assert main(["sync", str(busy.path)]) == 0
    assert stored(server, busy).global_steps == DUE


def test_a_full_disk_is_told_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ran("off")
    account(monkeypatch, server)

    durably, note = os.fsync, re.escape(NOTE)

    def full(what: str, file: int) -> None:
        if re.search(what, os.readlink(f"/proc/self/fd/{file}")):
            raise OSError(errno.ENOSPC, "No space left on device")
        durably(file)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", partial(full, "weights"))
        assert main(["sync"]) == 1
    assert "W&B did not get the weights (OSError: [Errno 28] No space left on device)" in capsys.readouterr().out
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", partial(full, note))
        assert main(["sync"]) == 1
    said = capsys.readouterr().out
    assert f"could not be written to {directory.path}: No space left on device. Nothing is lost. Make room" in said
    assert main(["sync"]) == 0
    assert stored(server, directory).global_steps == DUE
    assert len(server.artifacts.all) == 1
