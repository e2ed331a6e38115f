"""Runs on two devices: exact under kills, taken up by another number of devices, stopped and ended by torchrun."""

from __future__ import annotations

import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.checkpoint import Checkpoints
from lab.cli import main
from lab.config import ConfigError, replace
from lab.engines.child import devices_of, job_command
from lab.experiment import load
from lab.launching import command, launch, prepare
from lab.provenance import changes
from lab.store import RunDirectory
from lab.torchrun import _code_of
from tests.together import attempt

ROOT = Path(__file__).parents[2]
STEPS = 60
SETTINGS = {"run.steps": STEPS, "run.log_every": 10, "run.evaluate_every": 20, "run.save_every": 15, "run.wandb": "off"}


SELDOM = {"evaluate_every": 0, "save_every": 0}


def prepared(runs: Path, devices: int | None = 2, **settings: int) -> RunDirectory:
    """A small network with dropout and batch norm."""
    experiment = load("cnn_digits")
    config = replace(experiment.smoke, SETTINGS | {f"run.{name}": value for name, value in settings.items()})
    return prepare(experiment, "", config, 3, runs, fresh=False, devices=devices)


def timeless(directory: RunDirectory) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in directory.rows()]


def generators(directory: RunDirectory) -> list[Any]:
    found = Checkpoints(directory.checkpoints).newest()
    assert found is not None
    mine = found.state["run"]
    return [each["generators"]["cpu"].tolist() for each in (mine, *mine.get("others", []))]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    directory = prepared(tmp_path_factory.mktemp("straight"))
    assert attempt(directory.path) == [0, 0]
    return directory


def same(ours: RunDirectory, theirs: RunDirectory) -> bool:
    assert ours.status()["state"] == "finished"
    return (
        ours.status()["state_sha256"] == theirs.status()["state_sha256"]
        and timeless(ours) == timeless(theirs)
        and generators(ours) == generators(theirs)
    )


def test_killed_at_random_equals_never_stopping(straight: RunDirectory, tmp_path: Path) -> None:
    directory, dice, killed = prepared(tmp_path), random.Random(5), 0
    life = straight.rows()[-1]["time/seconds"]
    for kill in range(5):
        codes = attempt(directory.path, kill_after=dice.uniform(0, life / 3), victim=kill % 2)
        if codes == [0, 0]:
            break
        assert -signal.SIGKILL in codes
        assert set(codes) <= {-signal.SIGKILL, 0, 1}, "the other notices, and ends by itself"
        killed += 1
    assert killed >= 2
    assert attempt(directory.path) == [0, 0]
    assert same(directory, straight)


def test_each_process_has_noise_of_its_own_and_all_of_it_is_saved(straight: RunDirectory) -> None:
    first, second = generators(straight)
    assert first != second
    assert straight.environment()["devices"] == 2


def test_sigterm_to_one_stops_both_and_another_number_of_devices_goes_on(
    straight: RunDirectory, tmp_path: Path
) -> None:
    directory = prepared(tmp_path)
    codes = attempt(directory.path, kill_after=0.0, victim=1, number=signal.SIGTERM)
    assert codes == [128 + signal.SIGTERM] * 2
    status = directory.status()
    assert (status["state"], status["error"]) == ("interrupted", "SIGTERM")
    assert Checkpoints(directory.checkpoints).steps()[-1] == status["step"] < STEPS

    other = RunDirectory(tmp_path / "other" / directory.path.parent.name / "seed-3")
    shutil.copytree(directory.path, other.path)
    assert attempt(directory.path) == [0, 0]
    assert same(directory, straight)

    assert attempt(other.path, devices=1, kill_after=0.0, number=signal.SIGTERM) == [128 + signal.SIGTERM]
    assert len(generators(other)) == 1
    assert attempt(other.path, devices=2) == [0, 0]
    assert len(generators(other)) == 2
    assert [row["step"] for row in other.rows()] == [row["step"] for row in straight.rows()]
    now = other.environment()
    stood_on = [*now["earlier"], now]
    assert [each["devices"] for each in stood_on] == [2, 1, 2]
    assert [changes(*pair) for pair in pairwise(stood_on)] == [["devices was 2, is 1"], ["devices was 1, is 2"]]


def test_devices_are_kept_and_said_in_the_command(runs: Path) -> None:
    directory = prepared(runs, devices=None)
    assert (devices_of(directory), directory.record()["devices"]) == (1, 1)
    assert job_command(directory, 4)[1:5] == ["-m", "lab.job", str(directory.path), "4"]
    directory = prepared(runs, devices=2)
    assert devices_of(prepared(runs, devices=None)) == 2
    assert job_command(directory, 5)[1:6] == ["-m", "lab.torchrun", "2", str(directory.path), "2"]
    assert "--devices 2" in directory.record()["command"]
    experiment = load("cnn_digits")
    assert "--devices" not in command(experiment, "", experiment.Config(), 0)
    assert devices_of(prepared(runs, devices=1)) == 1


def test_what_cannot_be_shared_is_refused_before_anything_is_written(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"devices is 2, .* a batch of 15 examples"):
        launch("cnn_digits", changes={"batch_size": 15}, devices=2)
    with pytest.raises(ConfigError, match="Interaction has no batches to be shared"):
        launch("dqn_cartpole", devices=2)
    with pytest.raises(ValueError, match=r"devices is -1"):
        launch("cnn_digits", devices=-1)
    assert main(["run", "cnn_digits", "--devices", "0"]) == 2
    assert "devices is 0. It must be at least 1." in capsys.readouterr().err
    assert not runs.exists()


def test_how_torchrun_ends_tells_what_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failure:
        def __init__(self, exitcode: int):
            self.exitcode = exitcode

    ended: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: ended.append(number))
    assert _code_of({0: Failure(143)}) == 143  # type: ignore[dict-item]
    assert _code_of({1: Failure(1), 0: Failure(-signal.SIGTERM)}) == 1  # type: ignore[dict-item]
    assert not ended
    _code_of({0: Failure(1), 1: Failure(-signal.SIGKILL)})  # type: ignore[dict-item]
    assert ended == [signal.SIGKILL]


def test_the_command_stops_and_goes_on(tmp_path: Path, runs: Path) -> None:
    """By torchrun itself, whose processes import all anew; the rest of the run is done by quicker ones."""

    def asked_for(steps: int, folder: Path) -> RunDirectory:
        return prepared(folder, **SELDOM, steps=steps)

    directory = asked_for(100_000, runs)
    code = "import sys; from lab.cli import main; sys.exit(main())"
    words = shlex.split(directory.record()["command"])[1:]
    output = tmp_path / "output"
    with open(output, "w") as file:
        process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, stdout=file, stderr=file)
    end = time.monotonic() + 120
    while not directory.rows() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 128 + signal.SIGTERM
    assert f"interrupted: {directory.path}  SIGTERM" in output.read_text()
    assert "Traceback" not in (directory.path / "log.txt").read_text()
    assert not directory.locked()
    step = directory.status()["step"]
    assert Checkpoints(directory.checkpoints).steps()[-1] == step
    resumed, never_stopped = (asked_for(step + 10, folder) for folder in (runs, tmp_path))
    assert resumed == directory
    for each in (resumed, never_stopped):
        assert attempt(each.path) == [0, 0]
    assert same(resumed, never_stopped)
