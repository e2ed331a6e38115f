"""`lab nurse`, and what the other commands make of a nursed run."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from lab.cli import main
from lab.experiment import load
from lab.interventions import Answer, Intervention, answer, interventions, record, waiting
from lab.job import run_job
from lab.launching import launch, prepare
from lab.store import RunDirectory
from tests.nursing import looking_always

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def nursed(runs: Path) -> RunDirectory:
    """Seed 1 of three, nursed at step 7; the others were left alone."""
    experiment = load("walk")
    directory = prepare(experiment, "", experiment.Config(), 1, runs, fresh=False)
    record(
        directory,
        [Intervention(step=7, settings={"walk.drift": 2.5}, why="slow", when="2026-01-01T00:00:00+00:00", id="1")],
    )
    assert all(item.state == "finished" for item in launch("walk", [0, 1, 2]))
    return directory


def test_a_live_run_takes_it_and_says_when(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = load("walk")
    directory = prepare(experiment, "", experiment.smoke, 0, runs, fresh=False)

    stepped = threading.Event()

    def hold() -> str:
        """Keeps the run from going on, after its first step, until something is asked."""
        stepped.set()
        end = time.monotonic() + 60
        while not waiting(directory) and not interventions(directory) and time.monotonic() < end:
            time.sleep(0.005)
        return ""

    with looking_always():
        run = threading.Thread(target=run_job, args=(directory,), kwargs={"stop": hold})
        run.start()
        assert stepped.wait(60)
        assert main(["nurse", "walk", "walk.drift=2.5", "--why", "slow", "note=tired"]) == 0
        run.join()
    (taken,) = interventions(directory)
    said = f"taken at step {taken.step}: walk.drift 0.5 -> 2.5, note none -> tired  ({directory.path})\n"
    assert capsys.readouterr().out == said
    assert (taken.step, taken.why, dict(taken.settings)) == (1, "slow", {"walk.drift": 2.5, "note": "tired"})
    assert directory.status()["state"] == "finished"


def test_what_it_shows(nursed: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    name = "/".join(nursed.path.parts[-3:])
    assert main(["nurse", name, "--rows", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}: finished at step 20 of 20 paces (100%)"
    assert [line.split()[0] for line in lines[2:6]] == ["step", "----", "15", "20"]
    assert lines[6].startswith("last evaluation, at step 20: score ")
    assert lines[-1].split() == ["7", "walk.drift", "0.5", "2.5", "slow", "2026-01-01T00:00:00+00:00"]
    assert main(["nurse", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["step"], told["waiting"]) == ("finished", 20, [])
    assert told["interventions"][0]["changes"] == {"walk.drift": [0.5, 2.5]}
    assert [row["step"] for row in told["rows"]] == [5, 10, 15, 20]
    assert main(["nurse", f"{name[:-1]}0"]) == 0
    assert "Nothing was changed by hand." in capsys.readouterr().out


def test_a_run_that_stands_takes_it_when_it_goes_on(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = launch("walk", [0], changes={"nan_at": 12})
    assert run.state == "failed"
    capsys.readouterr()
    assert main(["nurse", "walk", "--nan_at"]) == 2, "no option of the command's, and no value"
    assert main(["nurse", "walk", "--nan-at=none"]) == 0, "as `lab run` has it"
    said = capsys.readouterr().out
    assert "is failed at step 15. It takes this first when it goes on: lab run walk --seeds 0 --nan-at 12" in said
    assert main(["nurse", "walk"]) == 0
    assert "waiting since " in capsys.readouterr().out
    assert main(["nurse", "walk", "--withdraw"]) == 0
    assert capsys.readouterr().out == "withdrawn: nan_at=none\n"
    assert main(["nurse", "walk", "--withdraw"]) == 0
    assert "Nothing waits in" in capsys.readouterr().out
    assert waiting(run.directory) == []


def running(monkeypatch: pytest.MonkeyPatch, runs: Path) -> RunDirectory:
    """A run that says it is running, and takes nothing."""
    (run,) = launch("walk", [0], changes={"run.steps": 5})
    run.directory.write_status("running", step=5, budget=20, unit="paces")
    monkeypatch.setattr(RunDirectory, "locked", lambda self: True)
    return run.directory


def test_waiting_has_an_end(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    directory = running(monkeypatch, runs)
    assert main(["nurse", "walk", "walk.drift=2.5", "--wait", "0"]) == 1
    assert "did not take it within 0 s" in capsys.readouterr().out
    assert len(waiting(directory)) == 1
    assert main(["nurse", "walk", "walk.drift=2.5", "--wait", "-1"]) == 2

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.cli.nursing.time.sleep", interrupted)
    with pytest.raises(SystemExit) as left:
        main(["nurse", "walk", "walk.drift=2.5"])
    assert left.value.code == 130
    assert "The request stays" in capsys.readouterr().err
    assert len(waiting(directory)) == 2


def test_a_refusal_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    directory = running(monkeypatch, runs)

    def refuse(seconds: float) -> None:
        (request,) = waiting(directory)
        answer(directory, request, Answer(state="refused", step=1_500, why="it does not fit"))

    monkeypatch.setattr("lab.cli.nursing.time.sleep", refuse)
    assert main(["nurse", "walk", "walk.drift=2.5"]) == 1
    assert capsys.readouterr().out == "refused at step 1,500, and the run goes on as it was: it does not fit\n"
    assert main(["nurse", "walk", "walk.drift=2.5", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["step"], told["why"]) == ("refused", 1_500, "it does not fit")


def test_a_run_that_ends_meanwhile_takes_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = running(monkeypatch, runs)
    monkeypatch.setattr(
        "lab.cli.nursing.time.sleep",
        lambda seconds: directory.write_status("finished", step=20, budget=20, unit="paces"),
    )
    assert main(["nurse", "walk", "walk.drift=2.5"]) == 1
    assert "refused at step 20, and the run goes on as it was: the run finished before" in capsys.readouterr().out
    assert waiting(directory) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["wlk"], "There is no run 'wlk'"),
        (["walk", "walk.drfit=1"], "Did you mean 'walk.drift'"),
        (["walk", "run.steps=9"], "launch it again with --run.steps"),
        (["walk", "walk.drift=2"], "finished at step 20, so there is nothing to nurse"),
        (["walk", "--why", "because"], "none is asked for"),
        (["walk", "--withdraw", "walk.drift=2"], "Leave out the settings"),
        (["walk", "--wiat", "3"], "Did you mean '--wait'"),
    ],
)
def test_wrong_usage(words: list[str], why: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = 20 if "walk.drift=2" in words else 5
    (run,) = launch("walk", [0], changes={"run.steps": steps})
    if steps == 5:
        run.directory.write_status("interrupted", step=5, budget=20, unit="paces")
    assert main(["nurse", *words]) == 2
    assert why in capsys.readouterr().err
    assert waiting(run.directory) == []


def test_a_nursed_run_counts_for_none_of_its_settings(
    nursed: RunDirectory, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = nursed.path.parts[-2]
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["finished, nursed" in line for line in lines[2:]] == [False, True, False]
    assert main(["runs", "--json"]) == 0
    assert [item["nursed"] for item in json.loads(capsys.readouterr().out)] == [[], [7], []]
    assert main(["verify", "walk", "--seeds", "0-2"]) == 1
    said = capsys.readouterr()
    assert "seed 1, does not count: it was nursed at step 7 (walk.drift = 2.5)" in said.err
    assert said.out == ""
    assert main(["verify", "walk", "--seeds", "0,2"]) == 0
    assert main(["table", f"walk/{address}", "--form", "csv"]) == 0
    capsys.readouterr()
    assert main(["compare", f"walk/{address}", f"walk/{address}", "--json"]) == 0
    (side, _) = json.loads(capsys.readouterr().out)["sides"]
    assert list(side["tasks"][0]["scores"]) == ["0", "2"]
    assert any("seed 1: it was nursed at step 7" in why for why in side["tasks"][0]["left_out"])
    assert main(["rerun", f"walk/{address}/seed-1"]) == 0
    names = [f"walk/{address}/seed-{seed}" for seed in (0, 1)]
    capsys.readouterr()
    assert main(["diff", *names]) == 0
    assert f"{names[1]} was nursed at step 7: walk.drift = 2.5" in capsys.readouterr().out
    assert main(["diff", *names, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["nursed"]
    assert told[0] == []
    assert told[1][0]["step"] == 7
    assert main(["search", "walk", "--vary", "walk.drift=0.5,0.5", "--seeds", "1", "--candidates", "1"]) == 1
    assert "seed 1: it was nursed at step 7" in capsys.readouterr().out
