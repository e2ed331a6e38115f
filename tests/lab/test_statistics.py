"""Statistics against scipy and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, trim_mean

from lab.statistics import Interval, bootstrap_interval, interquartile_mean


def test_interquartile_mean_by_hand() -> None:
    assert interquartile_mean([500.0, 0.0, 400.0, 480.0, 440.0]) == pytest.approx(440.0)  # 400, 440, 480
    assert interquartile_mean([3.0, 100.0, 1.0, 2.0]) == pytest.approx(2.5)
    assert interquartile_mean([1.0, 2.0, 6.0]) == pytest.approx(3.0)  # floor(3 / 4) leaves out none
    assert interquartile_mean([7.0]) == 7.0


@pytest.mark.parametrize("num_runs", [1, 2, 3, 4, 5, 7, 8, 10, 100])
def test_interquartile_mean_is_scipys_trimmed_mean(num_runs: int) -> None:
    scores = np.random.default_rng(num_runs).normal(size=(num_runs, 6))
    np.testing.assert_allclose(interquartile_mean(scores, axis=0), trim_mean(scores, 0.25, axis=0), rtol=1e-12)
    np.testing.assert_allclose(interquartile_mean(scores, axis=-1), trim_mean(scores, 0.25, axis=1), rtol=1e-12)
    np.testing.assert_allclose(interquartile_mean(scores), trim_mean(scores, 0.25, axis=None), rtol=1e-12)


def test_the_input_is_left_as_it_was() -> None:
    scores = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    interquartile_mean(scores)
    bootstrap_interval(scores, resamples=10)
    assert scores.tolist() == [5.0, 1.0, 4.0, 2.0, 3.0]


@pytest.mark.parametrize("statistic", [np.mean, np.median, interquartile_mean])
def test_interval_agrees_with_scipys_bootstrap(statistic) -> None:
    scores = np.random.default_rng(1).gamma(2.0, 100.0, size=10)
    ours = bootstrap_interval(scores, statistic, confidence=0.9, resamples=40_000)
    theirs = bootstrap(
        (scores,), statistic, confidence_level=0.9, n_resamples=40_000, method="percentile", rng=2
    ).confidence_interval
    spread = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * spread)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * spread)
    assert ours.estimate == pytest.approx(float(statistic(scores)))
    assert (ours.n, ours.confidence) == (10, 0.9)


def test_two_runs_can_be_enumerated() -> None:
    """The mean of a resample of {0, 1} is 0, 0.5, 1 with probabilities 1/4, 1/2, 1/4."""
    wide = bootstrap_interval([0.0, 1.0], np.mean, confidence=0.95, resamples=4_000)
    narrow = bootstrap_interval([0.0, 1.0], np.mean, confidence=0.4, resamples=4_000)
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_a_seed_fixes_the_interval_and_global_randomness_is_left_alone() -> None:
    scores = np.random.default_rng(0).normal(size=8)
    before = np.random.get_state()[1].copy()
    first = bootstrap_interval(scores, np.mean, resamples=500, seed=3)
    assert bootstrap_interval(scores, np.mean, resamples=500, seed=3) == first
    assert bootstrap_interval(scores, np.mean, resamples=500, seed=4) != first
    assert (np.random.get_state()[1] == before).all()


def test_drawing_in_parts_covers_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def counting_mean(scores: np.ndarray, axis: int) -> np.ndarray:
        calls.append(scores.shape)
        return scores.mean(axis=axis)

    monkeypatch.setattr("lab.statistics._ELEMENTS_AT_ONCE", 30)
    bootstrap_interval([1.0, 2.0, 3.0], counting_mean, resamples=25)
    assert calls == [(3,), (10, 3), (10, 3), (5, 3)]


def test_one_run_knows_nothing_of_its_spread() -> None:
    interval = bootstrap_interval([475.0])
    assert (interval.estimate, interval.low, interval.high, interval.n) == (475.0, -np.inf, np.inf, 1)


def test_an_interval_says_its_n() -> None:
    interval = Interval(estimate=480.0, low=450.25, high=500.0, confidence=0.95, n=5)
    assert str(interval) == "480 [450.2, 500] (n=5, 95%)"


@pytest.mark.parametrize(
    ("scores", "settings", "words"),
    [
        ([], {}, r"shape \(0,\)"),
        ([[1.0, 2.0]], {}, r"shape \(1, 2\)"),
        ([1.0, np.nan, 2.0, np.inf], {}, r"runs \[1, 3\]"),
        ([1.0, 2.0], {"confidence": 95.0}, "confidence=95.0"),
        ([1.0, 2.0], {"resamples": 0}, "resamples=0"),
    ],
)
def test_refuses_what_has_no_interval(scores: list, settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bootstrap_interval(scores, **settings)


def test_no_scores_have_no_middle() -> None:
    with pytest.raises(ValueError, match="0 scores"):
        interquartile_mean([])
