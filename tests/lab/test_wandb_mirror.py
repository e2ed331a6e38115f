"""Tests of the W&B mirror with a stub in wandb's place: what is sent when, and what happens when wandb raises."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.interventions import Intervention, record
from lab.store import RunDirectory
from lab.tracking import LocalTracker, WandbTracker, trackers
from lab.tracking.account import answers, has_account
from tests.wandb_server import CLOSED, RECORD, WandbServer, isolate


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


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
    module = SimpleNamespace(run=StubRun(), calls=[], settings=settings, Settings=lambda **given: given)
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


def test_what_the_server_holds_is_not_sent_again(tmp_path: Path, stub: SimpleNamespace, server: WandbServer) -> None:
    stub.settings.base_url, stub.settings.api_key = server.url, "key"
    stub.run.starting_step = 21  # one after the last row that it holds
    local = LocalTracker(tmp_path / "metrics.jsonl")
    for step in (10, 20, 30, 40):
        local.log(step, {"x": step})
    tracker = trackers(tmp_path, record=RECORD)
    tracker.rewind(30)
    assert stub.calls[0]["mode"] == "online"
    assert stub.run.rows == [{"global_step": 30, "x": 30}]


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


def test_what_was_nursed_meanwhile_is_told(tmp_path: Path, stub: SimpleNamespace) -> None:
    told: dict[str, Any] = {}
    stub.run.config = SimpleNamespace(update=lambda given, allow_val_change: told.update(given))
    tracker = WandbTracker(tmp_path, mode="offline", record=RECORD)
    assert "nursed" not in stub.calls[-1]["config"]
    tracker.finish("interrupted")
    assert told == {}, "nothing was changed"
    tracker = WandbTracker(tmp_path, mode="offline", record=RECORD)
    change = Intervention(step=40, settings={"agent.discount": 0.9}, why="flat", when="now", id="a")
    record(RunDirectory(tmp_path), [change])
    tracker.finish("finished")
    assert told == {"nursed": ["from step 40: agent.discount = 0.9"]}
    WandbTracker(tmp_path, mode="offline", record=RECORD)
    assert stub.calls[-1]["config"]["nursed"] == told["nursed"]


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
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20]


@pytest.mark.parametrize(
    ("mode", "variable", "used"),
    [
        ("auto", "offline", "offline"),
        ("auto", "dryrun", "offline"),
        ("auto", "", "offline"),
        ("offline", "online", "offline"),
        ("online", "disabled", "offline"),  # for want of an account
    ],
)
def test_the_settings_of_the_run_go_before_those_of_the_environment(
    tmp_path: Path, stub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, mode: Any, variable: str, used: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", variable)
    tracker = trackers(tmp_path, mode=mode, record=RECORD)
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
