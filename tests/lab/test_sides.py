"""Which runs a name means, what counts as their score, and which scores are refused beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.sides import Asked, SidesDifferError, sides_of
from tests.lab.written_runs import TARGET, written


def test_the_score_is_that_at_the_targets_budget(runs: Path) -> None:
    for seed in (0, 1):
        written(runs, "ours", seed, {50: 1.0, 100: 10.0 + seed, 150: 99.0})
        written(runs, "theirs", seed, {100: 5.0 + seed})
    ours, theirs = sides_of(["ours", "theirs"], runs)
    assert ours.tasks[0].scores == {0: 10.0, 1: 11.0}
    assert theirs.tasks[0].scores == {0: 5.0, 1: 6.0}
    assert not ours.tasks[0].lower_is_better
    assert ours.tasks[0].protocol["budget"] == "100 paces"
    early = sides_of(["ours", "ours"], runs, Asked(step=50))
    assert early[0].tasks[0].scores == {0: 1.0, 1: 1.0}


def test_runs_without_a_score_are_told_and_left_out(runs: Path) -> None:
    written(runs, "ours", 0, {100: 3.0})
    written(runs, "ours", 1, {100: 3.0}, state="failed", error="NonFiniteMetric: the loss is nan")
    written(runs, "ours", 2, {50: 3.0}, state="interrupted")
    written(runs, "ours", 3, {100: None})
    written(runs, "ours", 4, {100: 3.0}, metric="eval/other")
    (runs / "ours/0123456789/seed-5").mkdir()
    (runs / "ours/0123456789/seed-5/metrics.jsonl").write_text('{"step": 1}\n')  # begun, without a record yet
    side = sides_of(["ours", "ours"], runs)[0].tasks[0]
    assert side.scores == {0: 3.0}
    assert side.left_out == (
        "ours, seed 1: it diverged",
        "ours, seed 2: it was not judged at 100 (it is at 50)",
        "ours, seed 3: it was not judged at 100 (it is at 100)",
        "ours, seed 4: it was never judged by eval/return",
    )
    with pytest.raises(ValueError, match=r"No run of ours has a score. ours, seed 0: it was not judged at 70"):
        sides_of(["ours", "ours"], runs, Asked(step=70))


def test_arms(runs: Path) -> None:
    for address, arm in (("aa11", "plain"), ("bb22", "double"), ("cc33", "twice"), ("cc44", "twice")):
        written(runs, "arms", 0, {100: 1.0}, address=address, variant=arm)
    assert [side.name for side in sides_of(["arms"], runs)] == ["arms/plain", "arms/double", "arms/cc33", "arms/cc44"]
    assert sides_of(["arms/plain", "arms/cc4"], runs)[1].name == "arms/cc4"
    with pytest.raises(ValueError, match=r"arms/twice means runs of 2 settings here. Name one: arms/cc33, arms/cc44"):
        sides_of(["arms/plain", "arms/twice"], runs)
    with pytest.raises(ValueError, match="arms means runs of 4 settings here"):
        sides_of(["arms", "arms/plain"], runs)
    with pytest.raises(ValueError, match=r"arms has no runs of 'plane' .* Did you mean 'plain'\?"):
        sides_of(["arms/plain", "arms/plane"], runs)
    with pytest.raises(ValueError, match=r"There is no run of 'army' .* Did you mean 'arms'\?"):
        sides_of(["army", "arms/plain"], runs)


def test_an_experiment_without_arms_is_one_side(runs: Path) -> None:
    written(runs, "ours", 0, {100: 1.0})
    with pytest.raises(ValueError, match="ours is one side, and there is nothing to compare it with"):
        sides_of(["ours"], runs)


def test_without_a_target_the_metric_has_to_be_said(runs: Path) -> None:
    written(runs, "ours", 0, {100: 1.0}, target=None)
    with pytest.raises(ValueError, match=r"ours states neither a target nor .* --metric eval/..., one of eval/return"):
        sides_of(["ours", "ours"], runs)
    side = sides_of(["ours", "ours"], runs, Asked(metric="eval/return", lower_is_better=True))[0].tasks[0]
    assert side.scores == {0: 1.0}
    assert side.lower_is_better


def test_what_arms_are_compared_by_goes_before_a_target(runs: Path) -> None:
    compared = {"metrics": ["eval/error", "eval/return"], "lower": ["eval/error"], "steps": 50, "protocol": "as said"}
    written(runs, "ours", 0, {50: 1.0, 100: 2.0}, metric="eval/error", compared=compared, target=None)
    written(runs, "theirs", 0, {50: 3.0, 100: 4.0}, metric="eval/error", compared=compared)
    ours, theirs = (side.tasks[0] for side in sides_of(["ours", "theirs"], runs))
    assert (ours.scores, theirs.scores) == ({0: 1.0}, {0: 3.0})
    assert ours.lower_is_better
    assert (ours.protocol["budget"], ours.protocol["protocol"]) == ("50 paces", "as said")
    each = compared | {"steps": None}
    written(runs, "ours", 0, {50: 1.0, 100: 2.0}, metric="eval/return", compared=each, target=None)
    asked = sides_of(["ours", "ours"], runs, Asked(metric="eval/return"))[0].tasks[0]
    assert asked.scores == {0: 2.0}, "at the run's own budget"
    assert not asked.lower_is_better


def test_lower_is_better_where_the_target_has_an_upper_bound(runs: Path) -> None:
    written(runs, "ours", 0, {100: 1.0}, target=TARGET | {"at_least": None, "at_most": 2.0})
    assert sides_of(["ours", "ours"], runs)[0].tasks[0].lower_is_better
    written(runs, "theirs", 0, {100: 1.0})
    with pytest.raises(SidesDifferError, match="of one lower scores are better"):
        sides_of(["ours", "theirs"], runs)


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        ({"target": TARGET | {"steps": 50}}, "budget is '100 paces' and '50 paces'"),
        ({"target": TARGET | {"metric": "eval/length"}, "metric": "eval/length"}, "metric is 'eval/return' and"),
        ({"target": TARGET | {"protocol": "mean of 9 episodes"}}, "protocol is 'mean return of 5 episodes' and 'mean"),
        ({"config": {"evaluation": {"epsilon": 0.05}}}, "evaluation.epsilon is '0.0' and '0.05'"),
        ({"config": {"evaluation": {"epsilon": 0.0}, "protocol": {"sticky": 0.25}}}, "sticky is 'not set' and '0.25'"),
    ],
)
def test_scores_of_different_protocols_are_refused(runs: Path, apart: dict, said: str) -> None:
    evaluation = {"evaluation": {"epsilon": 0.0}}
    written(runs, "ours", 0, {100: 1.0}, config=evaluation)
    written(runs, "theirs", 0, {50: 0.0, 100: 1.0}, **({"config": evaluation} | apart))
    with pytest.raises(SidesDifferError, match=f"ours and theirs were scored under different protocols.*{said}"):
        sides_of(["ours", "theirs"], runs)


def test_how_many_seeds_a_target_asks_for_is_no_part_of_the_protocol(runs: Path) -> None:
    written(runs, "ours", 0, {100: 1.0})
    for text in ("mean return of 5 episodes; 5 seeds", "mean return of 5 episodes, mean over 3 seeds"):
        written(runs, "theirs", 0, {100: 1.0}, target=TARGET | {"protocol": text})
        assert len(sides_of(["ours", "theirs"], runs)) == 2


def test_tasks(runs: Path) -> None:
    for name in ("a_one", "a_two", "b_one", "b_two"):
        written(runs, name, 0, {100: 1.0})
    ours, theirs = sides_of(["a_one,a_two", "b_one,b_two"], runs)
    assert [task.task for task in ours.tasks + theirs.tasks] == ["a_one", "a_two", "b_one", "b_two"]
    with pytest.raises(SidesDifferError, match="a_one,a_two has 2 tasks, b_one 1"):
        sides_of(["a_one,a_two", "b_one"], runs)
