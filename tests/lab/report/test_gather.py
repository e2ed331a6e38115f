from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lab.report.gather import count_set_aside, gather, read_run


def only(tmp_path):
    [run] = gather(tmp_path / "runs")
    return run


def test_a_whole_run_is_read_as_it_was_written(tmp_path, write_run):
    write_run(3, returns={10: 50.0, 20: 101.5})
    run = only(tmp_path)
    assert (run.experiment, run.address, run.seed, run.unit) == ("catch", "aaaaaaaaaa", 3, "updates")
    assert run.place == "catch/aaaaaaaaaa/seed-3"
    assert run.curves["eval/return"].steps.tolist() == [10, 20]
    assert run.curves["eval/return"].values.tolist() == [50.0, 101.5]
    assert run.target is not None
    assert (run.target.metric, run.target.at_least, run.target.published) == ("eval/return", 100.0, 110.5)
    assert (run.status.state, run.last_step, run.seconds) == ("finished", 20, 10.0)
    assert run.problems == ()


def test_runs_come_by_experiment_address_and_seed_as_a_number(tmp_path, write_run):
    for seed in (10, 2):
        write_run(seed)
    write_run(0, experiment="acrobot")
    places = [run.place for run in gather(tmp_path / "runs")]
    assert places == ["acrobot/aaaaaaaaaa/seed-0", "catch/aaaaaaaaaa/seed-2", "catch/aaaaaaaaaa/seed-10"]


def test_a_torn_last_line_is_passed_over_and_told(tmp_path, write_run):
    with open(write_run() / "metrics.jsonl", "a") as file:
        file.write('{"step": 30, "eval/ret')
    run = only(tmp_path)
    assert run.curves["eval/return"].steps.tolist() == [10, 20]
    assert run.problems == ("The last line of metrics.jsonl is torn, as a kill leaves it, and was passed over.",)


def test_an_unreadable_line_within_is_named(tmp_path, write_run):
    path = write_run() / "metrics.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(f'{first}\nnonsense\n[1]\n{{"no": "step"}}\n{second}\n')
    run = only(tmp_path)
    assert run.curves["eval/return"].steps.tolist() == [10, 20]
    assert run.problems == ("metrics.jsonl: 3 unreadable lines were passed over (line 2, 3, 4).",)


def test_what_is_no_number_becomes_nan_and_other_values_are_no_metrics(tmp_path, write_run):
    row = {"step": 1, "a": None, "b": "NaN", "c": "text", "d": True, "e": [1], "f": 10**400, "g": 7}
    path = write_run() / "metrics.jsonl"
    path.write_text(json.dumps(row) + '\n{"step": 2, "g": Infinity}\n')
    curves = only(tmp_path).curves
    assert set(curves) == {"a", "b", "f", "g"}
    assert all(math.isnan(curves[name].values[0]) for name in "abf")
    assert curves["g"].values[0] == 7
    assert np.isnan(curves["g"].values[1])


def test_of_a_step_that_stands_twice_the_last_row_counts(tmp_path, write_run):
    path = write_run() / "metrics.jsonl"
    path.write_text('{"step": 2, "x": 5.0}\n{"step": 1, "x": 1.0}\n{"step": 2, "x": 6.0, "y": 1}\n')
    curves = only(tmp_path).curves
    assert curves["x"].steps.tolist() == [1, 2]
    assert curves["x"].values.tolist() == [1.0, 6.0]
    assert curves["y"].steps.tolist() == [2]


@pytest.mark.parametrize("name", ["config.json", "status.json", "environment.json", "metrics.jsonl"])
def test_a_missing_file_is_told(tmp_path, write_run, name):
    (write_run() / name).unlink()
    assert only(tmp_path).problems == (f"{name} is missing.",)


@pytest.mark.parametrize("content", [b'{"schema": "lab.r', b"\xff\xfe", b"[]", b"[" * 100_000, b""])
@pytest.mark.parametrize("name", ["config.json", "status.json", "environment.json"])
def test_a_broken_file_is_told(tmp_path, write_run, name, content):
    (write_run() / name).write_bytes(content)
    [problem] = only(tmp_path).problems
    assert name in problem


def test_an_empty_directory_is_a_run_of_unknown_state(tmp_path):
    (tmp_path / "runs" / "catch" / "aaaaaaaaaa" / "seed-4").mkdir(parents=True)
    run = only(tmp_path)
    assert (run.experiment, run.seed, run.status.state, run.unit) == ("catch", 4, "unknown", "steps")
    assert len(run.problems) == 4


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"at_least": None}, "exactly one bound"),
        ({"at_most": 3.0}, "exactly one bound"),
        ({"steps": "many"}, "its budget"),
        ({"seeds": 0}, "its number of seeds"),
        ({"statistic": "best"}, "its statistic"),
        ({"metric": None}, "the name of its metric"),
    ],
)
def test_a_target_that_says_too_little_is_told_and_not_judged_by(tmp_path, write_run, target, change, lacks):
    write_run(record={"target": target | change})
    run = only(tmp_path)
    assert run.target is None
    [problem] = run.problems
    assert lacks in problem


def test_unknown_keys_are_no_problem_but_an_unknown_schema_is(tmp_path, write_run, target):
    write_run(record={"target": target | {"colour": "red"}, "later": {"a": 1}})
    write_run(1, record={"schema": "lab.run/9"})
    old, new = gather(tmp_path / "runs")
    assert old.problems == ()
    assert "lab.run/9" in new.problems[0]


def test_a_run_left_as_running_is_told_as_interrupted_unless_a_process_holds_it(tmp_path, write_run):
    from lab.store import RunDirectory

    directory = write_run(status={"state": "running"})
    with RunDirectory(directory).lock():
        held = read_run(directory, tmp_path / "runs")
    left = read_run(directory, tmp_path / "runs")
    assert (held.status.state, held.status.error) == ("running", "")
    assert left.status.state == "interrupted"
    assert "without a word" in left.status.error


def test_of_each_medium_the_latest_step_counts_even_where_it_is_not_padded(tmp_path, write_run):
    media = write_run() / "media"
    for name in (
        "900-episode.gif",
        "000000001000-episode.gif",
        "1000-a-b.png",
        "notes.txt",
        ".1000-half.png",
        "5-x.png.tmp",
    ):
        (media / name).write_bytes(b"x")
    found = {(medium.name, medium.step, medium.path.name) for medium in only(tmp_path).media}
    assert found == {("episode", 1000, "000000001000-episode.gif"), ("a-b", 1000, "1000-a-b.png")}


def test_other_folders_are_no_runs_and_those_set_aside_are_counted(tmp_path, write_run):
    aside = write_run(1)
    aside.rename(aside.with_name("seed-1~1"))
    write_run(0)
    (tmp_path / "runs" / "catch" / "aaaaaaaaaa" / "seed-x").mkdir()
    assert [run.seed for run in gather(tmp_path / "runs")] == [0]
    assert count_set_aside(tmp_path / "runs") == 1


def test_no_folder_and_an_unknown_experiment_are_errors_that_help(tmp_path, write_run):
    with pytest.raises(ValueError, match="no folder"):
        gather(tmp_path / "nowhere")
    write_run()
    with pytest.raises(ValueError, match="Did you mean 'catch'"):
        gather(tmp_path / "runs", ["cacth"])
    assert len(gather(tmp_path / "runs", ["catch"])) == 1
