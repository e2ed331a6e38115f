"""SLURM, as far as a fake one on the path shows it: arrays, preemption, jobs that are found again, clusters away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.checkpoint import Checkpoints
from lab.cli import main
from lab.engines import EngineError
from lab.engines import slurm as engine
from lab.launching import launch
from lab.store import RunDirectory, RunError
from tests.fake_slurm import FakeSlurm
from tests.lab.engines.watching import once_it_trains
from tests.lab.test_launching import shas, timeless

pytest.importorskip("submitit", reason="--on slurm needs the extra `cluster`")
pytestmark = [
    pytest.mark.usefixtures("toys"),
    pytest.mark.skipif(not Path("/proc").exists(), reason="the fake SLURM finds its processes in /proc"),
]
SLOW = {"seconds": 0.02, "run.log_every": 3, "run.save_every": 1000}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlurm]:
    """On the path."""
    found = FakeSlurm(tmp_path / "slurm")
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr(engine, "QUEUE_EVERY", 0.3)
    yield found
    found.close()


def test_an_array_computes_what_one_process_does(cluster: FakeSlurm, runs: Path) -> None:
    launched = launch("walk", [0, 1], on="slurm", jobs=2, engine_settings={"partition": "cpu", "timeout_min": 30})
    alone = launch("walk", [0, 1], runs_dir=runs.with_name("alone"))
    assert shas(launched) == shas(alone)
    assert [timeless(item.directory) for item in launched] == [timeless(item.directory) for item in alone]
    assert [item.directory.path.relative_to(runs) for item in launched] == [
        item.directory.path.relative_to(runs.with_name("alone")) for item in alone
    ]
    told = [item.directory.environment()["engine"] for item in launched]
    assert [(each["name"], each["job"]) for each in told] == [("slurm", "1_0"), ("slurm", "1_1")]
    assert alone[0].directory.environment()["engine"] == {"name": "local"}
    assert not list(runs.glob("walk/*/*/slurm.json")), "nothing is queued any more"
    script = (runs / ".slurm" / "1_submission.sh").read_text()
    for option in ("--array=0-1%2", "--partition=cpu", "--time=30", "--signal=USR2@90"):
        assert option in script
    assert [item.did for item in launch("walk", [0, 1], on="slurm")] == ["nothing", "nothing"]


def test_a_job_that_is_preempted_or_loses_its_machine_goes_on_exactly(cluster: FakeSlurm, runs: Path) -> None:
    watch = once_it_trains(lambda _: cluster.preempt("1"), lambda _: cluster.lose_node("1"))
    (moved,) = launch("walk", [5], on="slurm", changes=SLOW | {"run.steps": 90}, watch=watch)
    (straight,) = launch(
        "walk", [5], changes=SLOW | {"run.steps": 90, "seconds": 0.0}, runs_dir=runs.with_name("alone")
    )
    assert cluster.starts("1") == 3
    assert shas([moved]) == shas([straight])
    assert timeless(moved.directory) == timeless(straight.directory)


def test_a_launcher_that_stops_leaves_its_jobs_and_finds_them_again(
    cluster: FakeSlurm, runs: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    changes = SLOW | {"run.steps": 100_000}
    interrupt = once_it_trains(lambda _: signal.raise_signal(signal.SIGINT))
    (left,) = launch("walk", [0], on="slurm", changes=changes, watch=interrupt)
    assert (left.state, left.did) == ("waiting", "ran")
    assert left.error is not None
    assert left.error.startswith("SIGINT: SLURM's job 1 goes on without this launcher")
    assert "`scancel 1` ends it" in left.error
    assert cluster.jobs() == {"1": "RUNNING"}
    (cluster.folder / "away").touch()
    assert main(["run", "walk", "--on", "slurm", "--seconds", "0.02"]) == 1
    said = capsys.readouterr().err
    assert "The SLURM cluster does not answer (slurm_load_jobs error: Unable to contact slurm controller" in said
    (cluster.folder / "away").unlink()
    cancel = once_it_trains(lambda _: subprocess.run([cluster.bin / "scancel", "1"], check=True))
    told_anew = {"partition": "gpu"}
    (again,) = launch("walk", [0], on="slurm", changes=changes, watch=cancel, engine_settings=told_anew)
    assert "not with partition=gpu: 1. To change that, `scancel` them" in caplog.text
    assert cluster.jobs() == {"1": "CANCELLED"}, "it was found, and not submitted twice"
    assert (again.state, again.error) == ("interrupted", "SIGTERM: SLURM's job 1 is CANCELLED")
    status = again.directory.status()
    assert Checkpoints(again.directory.checkpoints).steps() == [status["step"]], "it has saved"


def test_a_job_that_ends_without_a_word_is_told(cluster: FakeSlurm, runs: Path) -> None:
    watch = once_it_trains(lambda _: cluster.kill("1"))
    (lost,) = launch("walk", [0], on="slurm", changes=SLOW | {"run.steps": 100_000}, watch=watch)
    assert lost.state == "failed"
    assert str(lost.error).startswith("SLURM's job 1: FAILED; see ")
    assert str(lost.error).endswith("The same command goes on from the newest checkpoint")
    assert engine.noted(lost.directory) == ""


def test_a_job_that_another_has_taken_the_place_of_leaves_the_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "slurm.json").write_text('{"job": "12_0"}')
    with pytest.raises(RunError, match="is that of SLURM's job 12_0 now, so job 7 leaves it alone"):
        engine.Task(str(tmp_path), 1)()


def test_what_sbatch_refuses_is_passed_on(cluster: FakeSlurm, runs: Path) -> None:
    with pytest.raises(
        EngineError, match=r"sbatch refused the jobs: .*Invalid partition name specified.*The runs wait"
    ):
        launch("walk", [0], on="slurm", engine_settings={"partition": "closed"})
    assert cluster.jobs() == {}
    (directory,) = (RunDirectory(path.parent) for path in runs.glob("walk/*/*/config.json"))
    assert directory.status()["state"] == "waiting"


def test_the_fake_keeps_to_the_size_of_an_array_and_cancels(cluster: FakeSlurm, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    header = [
        f"#SBATCH --{word}" for word in ("array=0-2%1", f"output={tmp_path}/%A_%a", f"error={tmp_path}/%A_%a.err")
    ]
    script.write_text(
        "\n".join(["#!/bin/bash", *header, "srun --unbuffered sh -c 'echo $SLURM_ARRAY_TASK_ID; sleep 0.3'"])
    )
    environment = os.environ | cluster.environment
    done = subprocess.run([cluster.bin / "sbatch", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "Submitted batch job 1\n"
    subprocess.run([cluster.bin / "scancel", "1_2"], check=True, env=environment)
    most = 0
    while {"PENDING", "RUNNING"} & set(states := list(cluster.jobs().values())):
        most = max(most, states.count("RUNNING"))
    assert cluster.jobs() == {"1_0": "COMPLETED", "1_1": "COMPLETED", "1_2": "CANCELLED"}
    assert most == 1
    assert [(tmp_path / f"1_{i}").read_text() for i in (0, 1)] == ["0\n", "1\n"]
