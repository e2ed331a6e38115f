"""Weights and checkpoints as W&B artifacts: one version for each content, and never in the way of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from lab.checkpoint import Checkpoints
from lab.cli import main
from lab.interventions import ask
from lab.job import run_job
from lab.launching import launch
from lab.store import RunDirectory
from lab.tracking.artifact import NothingToSend, weights
from lab.tracking.mirror import WandbTracker
from lab.tracking.upload import upload
from lab.weights import read_about, read_weights
from tests.wandb_server import WandbServer, isolate
from tests.wandb_stores import contents

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture(autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))
    with WandbServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        wandb.teardown()  # this process has read the old settings
        yield server


def ran(mode: str = "off", **changes: object) -> RunDirectory:
    (run,) = launch("walk", [0], changes={"run.wandb": mode} | changes)
    return run.directory


def name(directory: RunDirectory) -> str:
    return f"walk-{directory.record()['hash']}-seed-0"


def test_the_final_weights_go_up_once_and_say_what_they_are(server: WandbServer, tmp_path: Path) -> None:
    directory = ran()
    assert upload(directory).did == "uploaded"
    (directory.path / "wandb" / "synced.json").unlink()  # as if it had been cut short at the end
    assert upload(directory).did == "uploaded"
    (artifact,) = server.artifacts.all.values()
    assert (artifact.name, artifact.kind, artifact.state) == (name(directory), "model", "COMMITTED")
    assert artifact.metadata == {
        "experiment": "walk",
        "variant": None,
        "address": directory.record()["hash"],
        "seed": 0,
        "unit": "paces",
        "command": directory.record()["command"],
        "step": 20,
        "state_sha256": directory.status()["state_sha256"],
    }
    (tmp_path / "w.safetensors").write_bytes(contents(artifact, server.uploads)["weights.safetensors"])
    found = Checkpoints(directory.checkpoints).newest()
    assert found is not None
    assert read_weights(tmp_path / "w.safetensors") == {"position": found.state["trial"]["position"]}
    assert read_about(tmp_path / "w.safetensors")["step"] == 20
    assert not list((directory.path / "wandb").glob("*weights*")), "no copy is left"

    ran(**{"run.steps": 30})
    assert upload(directory).did == "uploaded"
    assert [each.metadata["step"] for each in server.artifacts.committed] == [20, 30]


def test_a_run_online_brings_its_weights_itself(server: WandbServer) -> None:
    directory = ran("online")
    (artifact,) = server.artifacts.committed
    assert artifact.metadata["state_sha256"] == directory.status()["state_sha256"]
    assert upload(directory).did == "uploaded"
    assert len(server.artifacts.all) == 1


def test_weights_stay_here_where_the_environment_says_so(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_LOG_MODEL", "false")
    directory = ran("online")
    assert upload(directory).did == "uploaded"
    assert server.artifacts.all == {}
    monkeypatch.delenv("WANDB_LOG_MODEL")
    assert upload(directory).did == "uploaded"
    assert len(server.artifacts.committed) == 1


def test_a_run_that_is_not_over_keeps_its_weights(server: WandbServer) -> None:
    directory = ran()
    directory.write_status("interrupted", step=20, budget=40, unit="paces", saved=20)
    assert upload(directory).did == "uploaded"
    assert server.artifacts.all == {}


def test_a_checkpoint_from_the_server_goes_on_elsewhere(
    server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ran()
    ask(directory, {"walk.drift": 2.0}, "what is changed by hand is part of what the run is")
    assert ran(**{"run.steps": 30}) == directory
    directory.episodes.mkdir()
    (directory.episodes / "step-000000000010.npz").write_bytes(b"what happened")
    assert main(["sync", "--checkpoints"]) == 0
    assert main(["sync", "--checkpoints"]) == 0
    assert main(["sync"]) == 0
    assert capsys.readouterr().out.endswith("0 uploaded, 1 were complete, 0 failed.\n")
    model, checkpoint = server.artifacts.all.values()
    assert (checkpoint.name, checkpoint.kind) == (f"{name(directory)}-checkpoint", "checkpoint")
    assert model.kind == "model"
    elsewhere = RunDirectory.at(tmp_path / "elsewhere", "walk", directory.record()["hash"], 0)
    for file, content in contents(checkpoint, server.uploads).items():
        (elsewhere.path / file).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere.path / file).write_bytes(content)
    for file in ("interventions.jsonl", "episodes/step-000000000010.npz"):
        assert (elsewhere.path / file).read_bytes() == (directory.path / file).read_bytes()
    record = elsewhere.record()
    record["config"]["run"]["steps"] = 40
    elsewhere.write_record(record)
    there = run_job(elsewhere)
    here = ran(**{"run.steps": 40})
    assert there.state_sha256 == here.status()["state_sha256"]
    assert [row["step"] for row in elsewhere.rows()] == [row["step"] for row in here.rows()]


@pytest.mark.parametrize("operation", ["CreateArtifact", "CommitArtifact"])
def test_an_artifact_that_the_server_does_not_take_costs_neither_rows_nor_the_run(
    server: WandbServer, operation: str
) -> None:
    directory = ran()
    server.failing[operation] = 500
    tracker = WandbTracker(
        directory.path, mode="online", record=directory.record(), artifact_timeout=1, finish_timeout=2
    )
    tracker.rewind(20)
    tracker.finish("finished")
    (run,) = server.runs.values()
    assert run.global_steps == [5, 10, 15, 20]
    assert run.exit_code == 0
    assert "W&B did not get the weights (" in tracker.unsent[0]
    server.failing.clear()
    wandb.teardown()
    assert upload(directory).did == "uploaded"
    assert len(server.artifacts.committed) == 1
    assert run.global_steps == [5, 10, 15, 20]


def test_large_weights_do_not_go_up_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    directory = ran()
    monkeypatch.setattr("lab.tracking.artifact.LARGEST", 7)  # bytes; the position has 8
    with pytest.raises(NothingToSend, match="none go up unasked"):
        weights(directory.path, directory.record(), 20, None, tmp_path)
    with pytest.raises(NothingToSend, match="no intact checkpoint of step 30"):
        weights(directory.path, directory.record(), 30, None, tmp_path)


def test_what_cannot_be_sent_is_said_and_the_rest_goes_up(
    server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ran()
    for path in directory.checkpoints.rglob("state.json"):
        path.write_bytes(path.read_bytes()[:-20])
    assert main(["sync", "--checkpoints"]) == 0
    said = capsys.readouterr().out
    assert "no weights: None of the checkpoints under" in said
    assert "no checkpoint: None of the checkpoints under" in said
    assert server.artifacts.all == {}
    (run,) = server.runs.values()
    assert run.global_steps == [5, 10, 15, 20]
