"""Statistics over tasks against scipy, enumeration, and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, mannwhitneyu, norm, trim_mean

from lab.statistics import Interval
from lab.task_statistics import (
    Standing,
    Tasks,
    aggregate_interval,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    standing,
)

TASKS = [np.array([0.0, 0.2, 0.4, 2.0]), np.array([1.0, 1.0, 0.6, 0.6]), np.array([-0.5, 0.5, 0.7, 0.9])]


def test_aggregates_by_hand() -> None:
    # All twelve in order: -0.5 0 0.2 | 0.4 0.5 0.6 0.6 0.7 0.9 | 1 1 2; means of the tasks 0.65, 0.8, 0.4.
    assert iqm(TASKS) == pytest.approx((0.4 + 0.5 + 0.6 + 0.6 + 0.7 + 0.9) / 6)
    assert iqm(TASKS) == pytest.approx(trim_mean(np.concatenate(TASKS), 0.25))
    assert mean(TASKS) == pytest.approx((0.65 + 0.8 + 0.4) / 3)
    assert median(TASKS) == pytest.approx(0.65)
    # Cut at 1, the first task has a mean of 0.4.
    assert optimality_gap(TASKS) == pytest.approx(1 - (0.4 + 0.8 + 0.4) / 3)


def test_aggregates_of_many_resamples_at_once() -> None:
    many = [np.stack([scores, scores[::-1], scores + 1]) for scores in TASKS]
    for aggregate in (iqm, mean, median, optimality_gap):
        expected = [aggregate([scores[i] for scores in many]) for i in range(3)]
        assert aggregate(many).tolist() == pytest.approx(expected)


def test_probability_of_improvement_by_hand_and_as_mann_and_whitney_have_it() -> None:
    ours, theirs = [np.array([1.0, 2.0]), np.array([5.0])], [np.array([1.0, 3.0, 0.0]), np.array([4.0, 6.0])]
    # Of six pairs on the first task 1 = 1, 1 > 0, 2 > 1, 2 > 0; of two on the second 5 > 4.
    assert probability_of_improvement(ours, theirs) == pytest.approx((3.5 / 6 + 1 / 2) / 2)
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 9, 30).astype(float), generator.integers(2, 11, 20).astype(float)
    assert probability_of_improvement([a], [b]) == pytest.approx(mannwhitneyu(a, b).statistic / (30 * 20))


def test_a_performance_profile_by_hand() -> None:
    shares = performance_profile(TASKS, [-1.0, 0.5, 1.0, 5.0])
    assert shares.tolist() == pytest.approx([1, (1 / 4 + 4 / 4 + 2 / 4) / 3, (1 / 4) / 3, 0])


def test_the_interval_of_one_task_is_scipys() -> None:
    scores = np.random.default_rng(1).gamma(2.0, 1.0, size=12)
    ours = aggregate_interval([scores], mean, confidence=0.9, resamples=40_000)
    theirs = bootstrap((scores,), np.mean, confidence_level=0.9, n_resamples=40_000, method="percentile", rng=2)
    low, high = theirs.confidence_interval
    assert ours.low == pytest.approx(low, abs=0.03 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.03 * (high - low))


def test_every_resample_has_every_task() -> None:
    # Runs of a task are alike, so that a draw within tasks changes nothing; one across tasks would.
    tasks = [np.full(5, 0.0), np.full(5, 1.0), np.full(5, 5.0)]
    interval = aggregate_interval(tasks, mean, resamples=300)
    assert (interval.low, interval.high) == (2.0, 2.0)


def test_a_difference_is_enumerated() -> None:
    # Each side's mean is 0, 1/2 or 1 of its scale with probabilities 1/4, 1/2, 1/4.
    ours, theirs = [np.array([10.0, 12.0])], [np.array([0.0, 2.0])]
    unpaired = standing(ours, theirs, mean, resamples=4_000, confidence=0.999)
    assert (unpaired.difference.low, unpaired.difference.high) == (8.0, 12.0)
    paired = standing(ours, theirs, mean, paired=True, resamples=4_000, confidence=0.999)
    assert (paired.difference.low, paired.difference.high) == (10.0, 10.0), "what a seed does to both cancels"
    assert paired.settled
    assert paired.more_runs == 0
    assert paired.improvement.estimate == 1


def test_how_many_more_runs_would_settle_it() -> None:
    def found(estimate: float, low: float, high: float, n: int = 5) -> int | None:
        interval = Interval(estimate=estimate, low=low, high=high, confidence=0.95, n=n)
        return Standing(interval, interval, paired=False).more_runs

    # The side of zero reaches 3, and has to reach less than 2: (3 / 2)^2 = 2.25 times the runs, 12 in all.
    assert found(2.0, -1.0, 9.0) == 7
    assert found(-2.0, -9.0, 1.0) == 7
    assert found(2.0, 0.5, 3.0) == 0
    assert found(0.0, -1.0, 1.0) is None
    assert found(2.0, -np.inf, np.inf, n=1) is None
    assert found(2.0, 0.0, 3.0) == 1, "on the edge one more is the least"


def test_that_many_runs_do_settle_it() -> None:
    generator = np.random.default_rng(5)
    found = None
    while found is None or found.settled:
        ours, theirs = generator.normal(1.0, 1.5, 8), generator.normal(0.0, 1.5, 8)
        found = standing([ours], [theirs], mean, resamples=2_000)
    assert found.more_runs is not None
    times = int(np.ceil((8 + found.more_runs) / 8)) + 1
    # Runs that spread exactly as these do: the same ones again.
    again = standing([np.tile(ours, times)], [np.tile(theirs, times)], mean, resamples=2_000)
    assert again.settled


def test_one_run_tells_nothing_of_the_spread() -> None:
    interval = aggregate_interval([np.array([3.0])], mean)
    assert (interval.estimate, interval.low, interval.high) == (3.0, -np.inf, np.inf)
    found = standing([np.array([3.0])], [np.array([1.0])], mean)
    assert not found.settled
    assert (found.improvement.low, found.improvement.high) == (0.0, 1.0)


def test_seeded() -> None:
    first = aggregate_interval(TASKS, resamples=500, seed=3)
    assert aggregate_interval(TASKS, resamples=500, seed=3) == first
    assert aggregate_interval(TASKS, resamples=500, seed=4) != first


def test_the_interval_of_ten_seeds_on_seven_tasks_covers_the_truth_as_often_as_it_says() -> None:
    """400 experiments of normal scores, whose true aggregate is known: 95 %, give or take chance."""
    generator = np.random.default_rng(0)
    centres = np.linspace(0.2, 1.4, 7)
    draws = generator.normal(centres, 0.3, size=(200_000, 7))
    low, high = np.quantile(draws, (0.25, 0.75))
    truth = {iqm: draws[(draws >= low) & (draws <= high)].mean(), mean: centres.mean()}
    for aggregate, true in truth.items():
        covered = 0
        for number in range(400):
            tasks: Tasks = list(generator.normal(centres, 0.3, size=(10, 7)).T)
            interval = aggregate_interval(tasks, aggregate, resamples=1_000, seed=number)
            covered += interval.low <= true <= interval.high
        # With ten runs a resample's spread is short by the root of 9/10: 93.7 % of a normal are left of 95.
        assert 0.93 - 2 * norm.std(0, (0.05 * 0.95 / 400) ** 0.5) <= covered / 400 <= 0.97 + 0.022


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "There are no tasks"),
        ([[]], "The scores of task 0 have shape"),
        ([[1.0], [[1.0]]], "The scores of task 1 have shape"),
        ([[1.0, 2.0], [1.0, np.nan]], r"Of task 1, the scores of runs \[1\] are not finite"),
    ],
)
def test_scores_that_are_none(tasks: list[list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        aggregate_interval(tasks)  # type: ignore[arg-type]


def test_sides_that_do_not_fit_together() -> None:
    with pytest.raises(ValueError, match="One side has 3 tasks, the other 1"):
        standing(TASKS, TASKS[:1])
    with pytest.raises(ValueError, match="Runs come in pairs"):
        standing(TASKS[:1], [TASKS[0][:2]], paired=True)
