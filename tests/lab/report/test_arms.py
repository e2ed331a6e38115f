from __future__ import annotations

import json

import pytest

from lab.interventions import Intervention, record
from lab.report.arms import commands, config_differences, repeat_commands, seed_ranges, sort_into_experiments
from lab.report.gather import gather
from lab.report.judge import judge
from lab.report.sections import section
from lab.store import RunDirectory


@pytest.fixture
def experiment(tmp_path):
    def only():
        [found] = sort_into_experiments(gather(tmp_path / "runs"))
        return found

    return only


def settings(**agent):
    return {"agent": {"learning_rate": 0.001, "replay": True} | agent, "run": {"steps": 20}}


def test_variants_are_arms_by_name_with_what_differs(write_run, experiment):
    write_run(0, address="b" * 10, config=settings(replay=False), record={"variant": "no replay"})
    write_run(0, address="c" * 10, config=settings(), record={"variant": "full"})
    write_run(1, address="c" * 10, config=settings(), record={"variant": "full"})
    found = experiment()
    assert [(arm.label, [run.seed for run in arm.runs]) for arm in found.arms] == [("full", [0, 1]), ("no replay", [0])]
    [difference] = found.differences
    assert (difference.setting, difference.values) == ("agent.replay", ("on", "off"))


def test_configs_without_a_variant_are_labelled_by_what_differs(write_run, experiment):
    write_run(address="b" * 10, config=settings(learning_rate=0.01))
    write_run(address="c" * 10, config=settings())
    assert [arm.label for arm in experiment().arms] == ["learning_rate 0.01", "learning_rate 0.001"]


def test_arms_that_would_be_called_alike_carry_their_address(write_run, experiment):
    for letter in "bc":
        write_run(address=letter * 10, record={"variant": "full"})
    assert [arm.label for arm in experiment().arms] == ["full (bbbbbbbbbb)", "full (cccccccccc)"]


def test_a_nursed_run_is_an_arm_of_its_own_that_is_held_to_nothing(write_run, experiment):
    paths = [write_run(seed, returns={20: 100.0 if seed != 1 else 1e6}) for seed in range(3)]
    taken = Intervention(
        step=4_000, settings={"agent.learning_rate": 1e-4}, why="flat", when="2026-01-01T00:00:00+00:00", id="1"
    )
    record(RunDirectory(paths[1]), [taken])
    found = experiment()
    plain, alone = found.arms
    assert [[run.seed for run in arm.runs] for arm in found.arms] == [[0, 2], [1]]
    assert alone.label.endswith("nursed, seed 1")
    assert list(judge(plain).scores) == [0, 2]
    assert judge(plain).centre == 100.0
    assert judge(alone).verdict == "no target"
    assert repeat_commands(found, alone) == ["lab rerun catch/aaaaaaaaaa/seed-1"]
    told = [trouble.what for trouble in section(found, (), (), 1).troubles]
    assert (
        "Seed 1 was nursed, so it is no run of its settings and counts for none: from 4,000 on agent.learning_rate = "
        "0.0001 (flat)." in told
    )


def test_a_damaged_file_of_interventions_is_told(write_run, tmp_path):
    (write_run(0) / "interventions.jsonl").write_text("{\n")
    (run,) = gather(tmp_path / "runs")
    assert any("is no intervention" in problem for problem in run.problems)
    assert run.nursed == ()


def test_a_setting_that_one_config_lacks_differs():
    [row] = config_differences([{"a": 1, "b": None}, {"a": 1, "b": None, "c": [1, 2.5]}])
    assert (row.setting, row.values) == ("c", ("—", "(1, 2.5)"))


def test_missing_seeds_are_those_of_the_protocol(write_run, experiment):
    for seed in (0, 1, 3):
        write_run(seed)
    assert experiment().arms[0].missing_seeds == (2, 4)


def test_nobody_can_say_which_seeds_are_missing_where_they_are_numbered_otherwise(write_run, experiment):
    for seed in (10, 11):
        write_run(seed)
    assert experiment().arms[0].missing_seeds == ()


def test_an_arm_without_a_target_shows_the_metric_of_the_others(write_run, experiment, target):
    write_run(address="b" * 10, record={"target": target | {"metric": "eval/other"}, "variant": "a"})
    write_run(address="c" * 10, record={"target": None, "variant": "b"})
    assert [arm.metric for arm in experiment().arms] == ["eval/other", "eval/other"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (None, []),  # written by another program, or an earlier version: then none is made up
        ("lab run catch --seeds 0-4 --run.steps 9", ["lab run catch --seeds 0-4 --run.steps 9"]),
        ("lab run catch --seeds 0 --run.steps 9", ["lab run catch --seeds 0-1 --run.steps 9"]),
        (["lab", "run", "catch", "--name", "two words"], ["lab run catch --name 'two words'"]),
    ],
)
def test_the_command_is_the_runs_own(write_run, experiment, command, expected):
    for seed in range(2):
        write_run(seed, record={"command": command})
    found = experiment()
    assert repeat_commands(found, found.arms[0]) == expected


@pytest.mark.parametrize(
    ("seeds", "said"), [([0], "0"), ([0, 1, 2, 3, 4], "0-4"), ([0, 1, 2, 5], "0-2,5"), ([1, 3, 4], "1,3-4")]
)
def test_seeds_are_said_as_ranges(seeds, said):
    assert seed_ranges(seeds) == said


def test_arms_are_ordered_by_the_numbers_in_their_names(write_run, experiment):
    for i, variant in enumerate(["scratch-500", "64", "scratch-50", "8", "all"]):
        write_run(address=str(i) * 10, record={"variant": variant})
    assert [arm.label for arm in experiment().arms] == ["8", "64", "all", "scratch-50", "scratch-500"]


def test_without_a_target_a_score_of_the_test_set_is_what_is_judged(write_run, experiment):
    directory = write_run(record={"target": None})
    row = {"step": 20, "train/loss": 1.0, "eval/dev_loss": 1.0, "eval/test_loss": 2.0, "eval/dev_accuracy": 0.1}
    (directory / "metrics.jsonl").write_text(json.dumps(row | {"eval/test_accuracy": 0.2}) + "\n")
    assert experiment().arms[0].metric == "eval/test_accuracy"
    (directory / "metrics.jsonl").write_text(json.dumps({"step": 20, "train/loss": 1.0, "eval/dev_loss": 1.0}) + "\n")
    assert experiment().arms[0].metric == "eval/dev_loss"
    (directory / "metrics.jsonl").write_text(json.dumps({"step": 20, "train/loss": 1.0}) + "\n")
    assert experiment().arms[0].metric == "train/loss"


def test_commands_that_differ_in_the_variant_only_are_one(write_run, experiment):
    for i, (variant, more) in enumerate([("adam", ""), ("by hand", ""), ("sgd", " --run.steps 9")]):
        for seed in range(2):
            quoted = f"'{variant}'" if " " in variant else variant
            command = f"lab run catch --seeds {seed} --variant {quoted}{more}"
            write_run(seed, address=str(i) * 10, record={"variant": variant, "command": command})
    assert commands(experiment()) == [
        "lab run catch --seeds 0-1 --variant adam 'by hand'",
        "lab run catch --seeds 0-1 --variant sgd --run.steps 9",
    ]
