from __future__ import annotations

import pytest

from lab.report.arms import sort_into_experiments
from lab.report.gather import gather
from lab.report.judge import Score, judge
from lab.statistics import bootstrap_interval


@pytest.fixture
def judged(tmp_path):
    def of_the_only_arm():
        [experiment] = sort_into_experiments(gather(tmp_path / "runs"))
        [arm] = experiment.arms
        return judge(arm)

    return of_the_only_arm


def test_five_seeds_at_the_budget_pass_by_the_interquartile_mean(write_run, judged):
    for seed, value in enumerate([90.0, 101.0, 102.0, 103.0, 500.0]):
        write_run(seed, returns={10: 0.0, 20: value})
    result = judged()
    assert result.centre == pytest.approx((101 + 102 + 103) / 3)  # of five the middle three count
    assert result.verdict == "pass"
    assert result.reasons == ()
    expected = bootstrap_interval([90.0, 101.0, 102.0, 103.0, 500.0])
    assert (result.interval.low, result.interval.high) == (expected.low, expected.high)


def test_the_mean_is_taken_where_the_target_says_so(write_run, judged, target):
    for seed, value in enumerate([90.0, 101.0, 102.0, 103.0, 500.0]):
        write_run(seed, returns={20: value}, record={"target": target | {"statistic": "mean"}})
    assert judged().centre == pytest.approx(896 / 5)


def test_below_the_bound_fails_with_the_reason(write_run, judged):
    for seed in range(5):
        write_run(seed, returns={20: 80.0})
    result = judged()
    assert (result.verdict, result.reasons) == ("fail", ("IQM 80.00 is below 100",))


def test_a_score_just_below_is_not_rounded_up_to_the_bound(write_run, judged):
    for seed in range(5):
        write_run(seed, returns={20: 99.9999})
    assert judged().reasons == ("IQM 99.9999 is below 100",)


@pytest.mark.parametrize("bound", [{"at_least": 100.0}, {"at_least": None, "at_most": 100.0}])
def test_the_bound_itself_is_enough(write_run, judged, target, bound):
    for seed in range(5):
        write_run(seed, returns={20: 100.0}, record={"target": target | bound | {"each_seed_at_least": 100.0}})
    assert judged().verdict == "pass"


def test_at_most_is_a_bound_from_above(write_run, judged, target):
    for seed in range(5):
        write_run(seed, returns={20: 120.0}, record={"target": target | {"at_least": None, "at_most": 110}})
    result = judged()
    assert (result.verdict, result.reasons) == ("fail", ("IQM 120.0 is above 110",))


def test_one_seed_below_its_own_bound_fails_although_the_middle_passes(write_run, judged, target):
    for seed, value in enumerate([70.0, 101.0, 102.0, 103.0, 104.0]):
        write_run(seed, returns={20: value}, record={"target": target | {"each_seed_at_least": 80.0}})
    result = judged()
    assert (result.verdict, result.reasons) == ("fail", ("seed 0 is below 80: at 70.00",))


def test_several_seeds_below_are_counted_and_the_lowest_named(write_run, judged, target):
    for seed, value in enumerate([70.0, 60.0, 102.0, 103.0, 104.0]):
        write_run(seed, returns={20: value}, record={"target": target | {"each_seed_at_least": 80.0}})
    assert judged().reasons[-1] == "2 seeds are below 80: the lowest, seed 1, at 60.00"


def test_no_verdict_with_too_few_seeds(write_run, judged):
    for seed in range(3):
        write_run(seed)
    result = judged()
    assert (result.verdict, result.reasons) == ("not yet", ("3 of 5 seeds",))
    assert result.centre == 101.0


def test_no_verdict_before_the_budget(write_run, judged, target):
    for seed in range(5):
        write_run(seed, record={"target": target | {"steps": 50_000}})
    result = judged()
    assert (result.verdict, result.reasons) == ("not yet", ("budget 20 of 50,000 updates",))


def test_only_seeds_at_the_budget_count_once_there_are_any(write_run, judged):
    for seed in range(4):
        write_run(seed, returns={10: 0.0, 20: 200.0})
    write_run(4, returns={10: 0.0}, status={"state": "failed"})
    result = judged()
    assert set(result.scores) == {0, 1, 2, 3}
    assert result.centre == 200.0
    assert (result.verdict, result.reasons) == ("not yet", ("4 of 5 seeds",))


def test_a_longer_run_is_judged_at_the_budget_and_an_overshoot_of_a_hundredth_counts(write_run, judged, target):
    record = {"target": target | {"steps": 1000, "seeds": 2}}
    write_run(0, returns={500: 1.0, 1000: 2.0, 1500: 3.0}, record=record)
    write_run(1, returns={900: 1.0, 1008: 2.0, 1100: 3.0}, record=record)
    assert judged().scores == {0: Score(1000, 2.0), 1: Score(1008, 2.0)}


def test_a_score_that_is_no_number_is_not_replaced_by_an_earlier_one(write_run, judged):
    for seed in range(5):
        write_run(seed, returns={10: 150.0, 20: float("nan") if seed == 2 else 150.0})
    result = judged()
    assert set(result.scores) == {0, 1, 3, 4}
    assert result.verdict == "not yet"


def test_one_seed_has_no_interval(write_run, judged):
    write_run()
    assert judged().interval is None


def test_without_a_target_there_is_no_verdict_and_the_last_evaluation_is_averaged(write_run, judged):
    for seed, value in enumerate([1.0, 2.0, 6.0]):
        write_run(seed, returns={20: value}, record={"target": None})
    result = judged()
    assert (result.verdict, result.centre) == ("no target", 3.0)


def test_seeds_under_different_targets_are_not_judged_together(write_run, judged, target):
    for seed in range(5):
        write_run(seed, record={"target": target | {"at_least": 100.0 + (seed == 4)}})
    result = judged()
    assert (result.verdict, result.reasons) == ("not yet", ("its seeds were run under different targets",))


def test_nothing_logged_is_no_score(write_run, judged):
    write_run(returns={})
    result = judged()
    assert (result.centre, result.interval, result.verdict) == (None, None, "not yet")


def test_further_metrics_must_hold_too(write_run, judged, target):
    further = {"beside": [{"metric": "time/seconds", "at_least": None, "at_most": 10.0}]}
    for seed in range(5):
        write_run(seed, returns={10: 0.0, 20: 101.0}, record={"target": target | further})  # of 10 seconds at step 20
    assert judged().verdict == "pass"


def test_a_missed_further_metric_fails_with_the_reason(write_run, judged, target):
    further = {"beside": [{"metric": "time/seconds", "at_least": None, "at_most": 9.5}]}
    for seed in range(5):
        write_run(seed, returns={10: 0.0, 20: 101.0}, record={"target": target | further})
    result = judged()
    assert (result.verdict, result.reasons) == ("fail", ("time/seconds is 10.00, not <= 9.5",))


def test_a_further_bound_that_cannot_be_read_is_told(write_run, tmp_path, target):
    write_run(record={"target": target | {"beside": [{"metric": "eval/intent"}]}})
    [run] = gather(tmp_path / "runs")
    assert run.target.beside == ()
    assert any("A further bound of the target" in problem for problem in run.problems)
