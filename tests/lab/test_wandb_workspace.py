"""`lab report --wandb`: one report for a folder of runs, however often it is written, and the page in any case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from lab.cli import main
from lab.tracking.workspace import Passage, publish
from tests.lab.written_runs import written
from tests.wandb_server import CLOSED, WandbServer, isolate

pytest.importorskip("wandb_workspaces")


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))
    wandb.teardown()
    yield
    wandb.teardown()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    with WandbServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def walked(runs: Path) -> Path:
    """A folder with two seeds, one of which W&B has."""
    directory = written(runs, "walk", 0, {50: 8.0, 100: 10.0})
    written(runs, "walk", 1, {50: 8.0, 100: 12.0})
    (directory.path / "wandb").mkdir()
    (directory.path / "wandb" / "id.json").write_text(json.dumps({"id": "w-0", "online": True}))
    return runs


def of_type(blocks: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [block for block in blocks if block["type"] == kind]


def test_it_holds_the_page_and_is_written_in_its_own_place(
    walked: Path, server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--wandb"]) == 0
    said = capsys.readouterr().out
    assert f"Report: {walked / 'report.html'}" in said
    assert f"W&B report: {server.url}/tester/lab/reports/Results-of-walk--" in said
    assert "1 of its runs are in its tables but not in W&B yet" in said
    [report] = server.reports.all.values()
    assert report.title == "Results of walk"
    texts = "\n".join(block["content"] for block in of_type(report.blocks, "markdown-block"))
    assert "| ≥ 9 | **11.00** [10.00, 12.00] | 2 of 2 |" in texts
    headings = [block["children"][0]["text"] for block in of_type(report.blocks, "heading")]
    assert headings == ["At a glance", "walk: pass", "Repeat", "Runs (2)"]
    [code] = of_type(report.blocks, "code-block")
    assert code["children"][0]["children"][0]["text"] == "lab run walk --seeds 0-1"
    [grid] = of_type(report.blocks, "panel-grid")
    [run_set] = grid["metadata"]["runSets"]
    assert [(each["key"]["name"], each["op"], each["value"]) for each in run_set["filters"]["filters"]] == [
        ("name", "IN", ["w-0"])
    ]
    [panel] = grid["metadata"]["panelBankSectionConfig"]["panels"]
    config = panel["config"]
    assert (config["xAxis"], config["metrics"], config["groupBy"]) == ("global_step", ["eval/return"], "group")
    assert (config["groupAgg"], config["groupArea"]) == ("mean", "stderr")

    report.spec["discussionThreads"] = [{"id": "a colleague's"}]
    written(walked, "stroll", 0, {100: 1.0})
    assert main(["report", "--wandb"]) == 0
    [report] = server.reports.all.values()
    assert report.title == "Results of 2 experiments"
    assert report.spec["discussionThreads"] == [{"id": "a colleague's"}]


def test_another_folder_has_a_report_of_its_own(tmp_path: Path, server: WandbServer) -> None:
    for folder in ("first", "second", "first"):
        (tmp_path / folder).mkdir(exist_ok=True)
        publish(tmp_path / folder, "Results", "Written now.", [Passage("All is well.")])
    assert len(server.reports.all) == 2


def test_a_report_that_was_deleted_is_made_again(tmp_path: Path, server: WandbServer) -> None:
    publish(tmp_path, "Results", "Written now.", [])
    server.reports.all.clear()
    publish(tmp_path, "Results", "Written now.", [])
    assert len(server.reports.all) == 1


@pytest.mark.parametrize("obstacle", ["no account", "no network", "no package", "wrong key", "hangs", "refuses"])
def test_whatever_is_in_the_way_is_said_and_the_page_is_written(
    walked: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: WandbServer,
    capsys: pytest.CaptureFixture[str],
    obstacle: str,
) -> None:
    said = {
        "no account": "there is no account for",
        "no network": f"{CLOSED} does not answer",
        "no package": 'is not installed. pip install "wandb-workspaces',
        "wrong key": "does not know the account",
        "hangs": "answers, but no question of W&B's (TimeoutError: the server took more than 1 s)",
        "refuses": "Try again; it stays one report.",
    }
    if obstacle == "no account":
        monkeypatch.delenv("WANDB_API_KEY")
    elif obstacle == "no network":
        monkeypatch.setenv("WANDB_BASE_URL", CLOSED)
    elif obstacle == "no package":
        monkeypatch.setattr("lab.tracking.workspace.find_spec", lambda name: None)
    elif obstacle == "wrong key":
        server.viewer = None
    elif obstacle == "hangs":
        server.hang_graphql.set()
        monkeypatch.setattr("lab.tracking.account.obstacle_to_uploading.__defaults__", (1.0,))
    else:
        server.failing["upsertView"] = 400
    assert main(["report", "--wandb"]) == 1
    told = capsys.readouterr()
    assert f"Report: {walked / 'report.html'}" in told.out
    assert (walked / "report.html").exists()
    assert "The W&B report was not written" in told.err
    assert said[obstacle] in told.err
    assert server.reports.all == {}
