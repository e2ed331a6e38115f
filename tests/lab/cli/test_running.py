"""`lab run` in this process: what it says, what it returns, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.cli import running as cli_running
from lab.experiment import load
from lab.launching import Launched
from lab.store import RunDirectory, find_runs

pytestmark = pytest.mark.usefixtures("toys")


def called(*words: str) -> int:
    try:
        return main(words)
    except SystemExit as stopped:  # tyro's way
        return int(stopped.code or 0)


def flat(text: str) -> str:
    """Without the frames that tyro draws, on one line."""
    return re.sub(r"[\s│─╭╮╰╯]+", " ", text)


def test_it_runs_says_where_and_then_that_nothing_is_left(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert called("run", "walk", "--seeds", "0-1", "--walk.drift", "2") == 0
    first = capsys.readouterr()
    directories = find_runs(runs)
    assert [directory.path.name for directory in directories] == ["seed-0", "seed-1"]
    assert [line.split("  ")[0] for line in first.out.splitlines()] == [f"finished: {d.path}" for d in directories]
    assert "score " in first.out
    assert first.err == "", "no progress display where there is no terminal"
    assert called("run", "walk", "--seeds", "0-1", "--walk.drift", "2.0") == 0
    assert (
        capsys.readouterr().out.count("nothing is left to do (raise --run.steps to go on, or --fresh to start over)")
        == 2
    )
    assert called("run", "walk", "--walk.drift", "2", "--run.steps", "30") == 0
    assert "nothing is left" not in capsys.readouterr().out
    assert directories[0].status()["step"] == 30


def test_fresh_and_runs_dir(tmp_path: Path, runs: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for _ in range(2):
        assert called("run", "walk", "--runs-dir", str(elsewhere), "--fresh") == 0
    assert len(list(elsewhere.glob("walk/*/seed-0~1/config.json"))) == 1
    assert not runs.exists()


def test_several_experiments_and_arms(runs: Path) -> None:
    assert called("run", "walk", "walk_arms", "--seeds", "1") == 0
    assert called("run", "walk_arms", "--variant", "drift", "--seeds", "2") == 0
    records = [directory.record() for directory in find_runs(runs)]
    assert {(record["experiment"], record["variant"], record["seed"]) for record in records} == {
        ("walk", None, 1), ("walk_arms", "drift", 1), ("walk_arms", "no_drift", 1), ("walk_arms", "drift", 2)
    }  # fmt: skip


def test_an_arm_that_a_later_experiment_lacks_is_told_before_the_first_runs(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    assert main(["run", "walk_arms", "walk", "--variant", "drift"]) == 2
    assert "walk has no variant 'drift'" in capsys.readouterr().err
    assert not runs.exists()


def test_a_failure_is_told_and_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("run", "walk", "--nan-at", "3") == 1
    said = capsys.readouterr()
    assert "failed: " in said.out
    assert "'loss' became nan at step 3" in said.out
    assert "Traceback" not in said.out + said.err
    assert called("run", "walk", "--breaks-at", "3") == 1
    assert "ZeroDivisionError: the toy broke as it was told to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "Which experiment? Names come first"),
        (["run", "--seeds", "1"], "Which experiment? Names come first"),
        (["run", "wlk"], "There is no experiment 'wlk'. Did you mean 'walk'"),
        (["run", "walk", "walk_amrs"], "There is no experiment 'walk_amrs'. Did you mean 'walk_arms'"),
        (["run", "walk", "--walk.drfit", "1"], "Perhaps you meant: --walk.drift"),
        (["run", "walk", "--seed", "1"], "Perhaps you meant: --seeds"),
        (["run", "walk", "--walk.noise", "norml"], "Expected one of ('normal', 'uniform')"),
        (["run", "walk", "--walk.drift", "much"], "--walk.drift"),
        (["run", "walk", "--stride", "1.5"], "--stride"),
        (["run", "walk", "--run.steps", "0"], "run.steps is 0. It must be at least 1."),
        (["run", "walk", "--run.device", "cuda:97"], "run.device is 'cuda:97', which this machine cannot use"),
        (["run", "walk", "--seeds", "4-0"], "--seeds is '4-0'. Write whole numbers"),
        (["run", "walk", "--jobs", "0"], "jobs is 0. It must be at least 1."),
        (["run", "walk_arms", "--variant", "nodrift"], "has no variant 'nodrift'. Did you mean 'no_drift'"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_usage_is_one_clear_error_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    assert called(*words) == 2
    told = capsys.readouterr()
    assert said in flat(told.out + told.err)
    assert "Traceback" not in told.out + told.err
    assert not runs.exists()


def test_help_lists_every_setting_with_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("run", "walk", "--help") == 0
    said = flat(capsys.readouterr().out)
    assert "A random walk with a drift" in said
    for option in (
        "--seeds",
        "--jobs",
        "--fresh",
        "--runs-dir",
        "--walk.drift",
        "--walk.noise {normal,uniform}",
        "--run.steps",
    ):
        assert option in said
    assert "--stride INT units a step (default: 1)" in said
    assert "--run.steps INT Budget, in the trial's unit. (default: 20)" in said


def test_an_experiment_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    (tmp_path / "half.py").write_text('"""Half."""\nConfig = None\n')
    assert called("run", "half") == 2
    assert "has no build, so it is no experiment" in capsys.readouterr().err
    (tmp_path / "torn.py").write_text('"""Torn."""\nx = (\n')
    assert called("list") == 0
    assert re.search(r"torn +cannot be read: '\(' was never closed", capsys.readouterr().out)
    (tmp_path / "mlp_digits.py").write_text('"""Twice."""\nConfig = build = None\n')
    assert called("list") == 2
    assert "Two experiments are named 'mlp_digits'" in capsys.readouterr().err


def test_an_interruption_ends_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[str] = []

    def launch(name: str, seeds: Any, **settings: Any) -> list[Launched]:
        asked.append(name)
        states = [("interrupted", "SIGTERM"), ("finished", None)]  # the second ended of itself in that moment
        return [Launched(RunDirectory(tmp_path), name, "", k, s, "ran", e) for k, (s, e) in enumerate(states)]

    monkeypatch.setattr("lab.launching.launch", launch)
    assert called("run", "walk", "walk_arms", "--seeds", "0-1") == 143
    assert asked == ["walk"]
    assert "Go on with: lab run walk walk_arms --seeds 0-1" in capsys.readouterr().out
    assert called("verify", "walk", "walk") == 143
    assert asked == ["walk", "walk"]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([("finished", None)], 0),
        ([("finished", None), ("failed", "x")], 1),
        ([("interrupted", "SIGINT"), ("waiting", None)], 130),
        ([("interrupted", "SIGTERM"), ("finished", None)], 143),
        ([("failed", "x"), ("interrupted", "SIGTERM")], 1),
        ([("waiting", "SIGINT: SLURM's job 1 goes on")], 130),
        ([("finished", None), ("waiting", "SIGTERM: SLURM's job 1 goes on")], 143),
    ],
)
def test_exit_codes(states: list[tuple[str, str | None]], code: int, tmp_path: Path) -> None:
    launched = [Launched(RunDirectory(tmp_path), "walk", "", 0, state, "ran", error) for state, error in states]
    assert cli_running.exit_code(launched) == code


def test_where_it_runs_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("lab.launching.launch", lambda name, seeds, **settings: asked.append(settings) or [])
    words = ["--on", "slurm", "--jobs", "3", "--with", "partition=gpu", "timeout-min=9", "--walk.drift", "1"]
    assert called("run", "walk", *words) == 0
    assert called("verify", "walk", *words, "--json") == 1  # no seed has a score
    for settings in asked:
        assert (settings["on"], settings["jobs"]) == ("slurm", 3)
        assert settings["engine_settings"] == {"partition": "gpu", "timeout_min": 9}
    assert called("run", "walk", "--with", "partition=gpu") == 0
    assert (asked[-1]["on"], asked[-1]["jobs"]) == ("local", None)


def test_names_come_first() -> None:
    assert cli_running.split_names(["a", "b", "--seeds", "0", "c"]) == (["a", "b"], ["--seeds", "0", "c"])
    assert cli_running.split_names(["a"]) == (["a"], [])


def test_settings_of_every_experiment_parse_to_its_defaults() -> None:
    for name in ("walk", "mlp_digits", "cnn_digits"):
        experiment = load(name)
        options, config = cli_running.settings_of("run", experiment, [])
        assert config == experiment.Config()
        assert (options.seeds, options.jobs, options.on, options.fresh) == (("0",), None, "local", False)
