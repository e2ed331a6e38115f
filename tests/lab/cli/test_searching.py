"""`lab search`: what it says, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.data import load_text

pytestmark = pytest.mark.usefixtures("toys")
WALK = ["search", "walk", "--candidates", "6", "--first-steps", "10", "--seeds", "0", "--run.evaluate-every", "0"]


def test_it_says_which_is_best_and_how_to_hold_it_to_other_seeds(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    assert main([*WALK, "--vary", "walk.drift=0:5", "walk.noise=normal,uniform"]) == 0
    said = capsys.readouterr().out
    assert "10 steps of 1 seed: 6 candidates, best eval/score" in said
    assert "1 seed(s) choose among 6, so the best is flattered by luck." in said
    assert "Hold it to seeds that it was not chosen by: lab verify walk --seeds 1-2 --walk.drift" in said
    (path,) = (runs / "walk" / "searches").glob("*.json")
    record = json.loads(path.read_text())
    assert record["complete"]
    assert record["candidates"][0]["command"].startswith("lab run walk --seeds 0 --walk.drift")
    scores = [each["score"] for each in record["candidates"] if each["steps"] == 20]
    assert scores == sorted(scores, reverse=True)
    assert main(["runs"]) == 0, "what is kept is no run"


def test_the_command_that_it_ends_with_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WALK, "--vary", "walk.drift=1:1.5"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    words = line.partition(": lab ")[2].split()
    assert main(words) == 0
    assert "PASS  walk" in capsys.readouterr().out


def test_what_it_ends_with_finds_the_runs_and_has_a_budget_that_verify_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = ["--runs-dir", str(tmp_path / "a folder")]
    assert main([*WALK, "--vary", "walk.drift=1:1.5", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith(f"--runs-dir '{tmp_path / 'a folder'}'")
    assert f"lab report walk --runs-dir '{tmp_path / 'a folder'}'" in lines[-2]
    assert "lab verify walk --seeds 1-2 --walk.drift" in lines[-1]
    assert "--run.steps" not in lines[-1], "the target's is that of the search"
    assert main([*WALK, "--vary", "walk.drift=1:1.5", "--run.steps", "18"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "lab run walk --seeds 1-2 " in last, "which is held to no target"
    assert "--run.steps 18" in last


def test_what_was_judged_at_other_steps_before_takes_part(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert main(["run", "walk", "--walk.drift", "2", "--run.evaluate-every", "8"]) == 0
    assert main([*WALK, "--vary", "walk.drift=0,1,2", "--candidates", "3"]) == 0
    said = capsys.readouterr().out
    assert "has no eval/score" not in said
    (path,) = (runs / "walk" / "searches").glob("*.json")
    best = json.loads(path.read_text())["candidates"][0]
    assert (best["settings"], best["steps"]) == ({"walk.drift": 2.0}, 20)


def test_a_mistyped_metric_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WALK, "--vary", "walk.drift=0:5", "--metric", "eval/scor", "--lower-is-better"]) == 1
    assert "has no eval/scor at 10. Did you mean 'eval/score'?" in capsys.readouterr().out


def test_what_the_test_set_chose_is_suspicious(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", "mlp_digits", "--vary", "classifier.optimizer.learning-rate=1e-3,1e-2", "--run.steps", "40"]
    words += ["--candidates", "2", "--first-steps", "40", "--seeds", "0"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "suspicious: eval/test_accuracy chose it, so on the test set it is flattered" in told
    assert "Choose by another part: --metric eval/dev_loss or eval/dev_accuracy." in told
    assert main([*words, "--metric", "eval/dev_accuracy"]) == 0
    assert "chose it" not in capsys.readouterr().out


def test_a_part_can_be_kept_to_choose_by_and_is_trained_on_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    load_text("sms_spam")  # where it is missing the test is skipped; the command would only say so
    words = ["search", "spam_words", "--vary", "classifier.optimizer.learning-rate=1,10", "--run.steps", "20"]
    words += ["--candidates", "2", "--first-steps", "20", "--seeds", "0"]
    assert main(words) == 0
    told = capsys.readouterr().out
    keep = "--development-share 0.1 --metric eval/dev_mcc"
    assert f"Keep training examples to choose by: {keep}." in told
    assert main([*words, *keep.split()]) == 0
    told = capsys.readouterr().out
    assert "chose it" not in told
    assert "Hold it to seeds" in told
    assert "--development-share" not in told


def test_the_best_at_a_border_is_suspicious(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--vary", "walk.drift=0:5", "--candidates", "40"]
    assert main([*WALK, *words]) == 0
    assert "suspicious: walk.drift = " in capsys.readouterr().out


def test_where_the_first_budget_foretells_little_it_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.foretelling.LITTLE", 1.1)  # the walk's order is always foretold
    words = ["--vary", "walk.drift=0:5", "--candidates", "16", "--keep", "2", "--first-steps"]
    assert main([*WALK, *words, "10"]) == 0
    said = capsys.readouterr().out
    assert "suspicious: the order at 10 steps hardly foretold that at 20 (rank correlation 1.00 of 8)" in said
    assert "stop none before the end: --first-steps 20." in said
    assert main([*WALK, *words, "20", "--seeds", "0-1"]) == 0
    assert "hardly foretold" not in capsys.readouterr().out


def test_a_seed_that_is_named_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*WALK, "--vary", "walk.drift=0:5", "--first-steps", "20", "--seeds", "0-1,1", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["seeds"] == [0, 1]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WALK, "--vary", "walk.drift=0:5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "lab.search/1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search"], "Which experiment?"),
        (["search", "walk", "walk_arms"], "One experiment at a time is searched"),
        (["search", "walk"], "Nothing varies"),
        (["search", "walk", "--vary", "walk.drft=0:1"], "Did you mean 'walk.drift'"),
        (["search", "walk", "--vary", "walk.drift=0:1", "--satisfy", "x"], "is no bound"),
        (["search", "walk", "--vary", "walk.drift=0:1", "--first-steps", "0"], "first_steps"),
        (["search", "walk_arms", "--vary", "drift=0:1"], "compares several variants"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_nothing_has_a_score(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WALK, "--vary", "breaks_at=1,2,3"]) == 1
    assert "No candidate has a score." in capsys.readouterr().out


def test_it_goes_to_the_engine_that_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: Path
) -> None:
    pytest.importorskip("submitit", reason="--on slurm needs the extra `cluster`")
    words = [*WALK, "--vary", "walk.drift=0:5", "--on", "slurm", "--with"]
    assert main([*words, "partitoin=gpu"]) == 2
    assert "slurm has no setting 'partitoin'. Did you mean 'partition'" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*words, "partition=gpu"]) == 1
    assert "There is no sbatch, srun, squeue on the path" in capsys.readouterr().err
    assert not runs.exists()
