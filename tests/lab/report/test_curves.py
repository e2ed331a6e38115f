from __future__ import annotations

import numpy as np
import pytest

from lab.report.curves import aggregate, thin
from lab.report.records import STATISTICS, Curve
from lab.statistics import bootstrap_interval


def curve(points):
    return Curve(np.array(list(points)), np.array(list(points.values()), dtype=float))


def test_a_short_curve_is_not_thinned():
    short = curve({1: 3.0, 2: 4.0})
    assert thin(short, 2) is short


def test_thinning_keeps_the_ends_and_each_stretch_s_extremes():
    values = np.zeros(100)
    values[37], values[62] = 9.0, -9.0
    thinned = thin(Curve(np.arange(100), values), 10)
    kept = dict(zip(thinned.steps.tolist(), thinned.values.tolist()))
    assert kept[37] == 9.0
    assert kept[62] == -9.0
    assert {0, 99} <= set(kept)
    assert len(kept) <= 12
    assert all(values[step] == value for step, value in kept.items())  # nothing that was not logged


def test_thinning_bears_gaps():
    values = np.full(50, np.nan)
    values[10] = 1.0
    thinned = thin(Curve(np.arange(50), values), 6)
    assert thinned.steps[np.isfinite(thinned.values)].tolist() == [10]


def test_the_centre_is_the_mean_or_the_interquartile_mean_of_the_seeds_at_a_step():
    curves = {seed: curve({10: value}) for seed, value in enumerate([0.0, 1.0, 2.0, 3.0, 100.0])}
    assert aggregate(curves, "mean", 9).centre.tolist() == [pytest.approx(106 / 5)]
    assert aggregate(curves, "iqm", 9).centre.tolist() == [2.0]


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
@pytest.mark.parametrize("num_seeds", [2, 3, 5, 10])
def test_the_interval_is_the_bootstrap_s_of_each_step(statistic, num_seeds):
    scores = np.random.default_rng(7).normal(size=(num_seeds, 3))
    band = aggregate({s: curve(dict(zip((1, 2, 3), row))) for s, row in enumerate(scores)}, statistic, 9)
    for i in range(3):
        # Of few seeds a draw takes one of few values, and which of two neighbours is the quantile is a matter of luck
        # where resamples are drawn; so the ends lie between those of a little less and a little more confidence.
        narrow, wide = (
            bootstrap_interval(scores[:, i], STATISTICS[statistic], confidence=confidence)
            for confidence in (0.94, 0.96)
        )
        tolerance = 1e-9 if num_seeds <= 7 else 0.05  # beyond, the band's resamples are drawn, too
        assert wide.low - tolerance <= band.low[i] <= narrow.low + tolerance
        assert narrow.high - tolerance <= band.high[i] <= wide.high + tolerance


def test_two_seeds_give_an_interval_from_the_lower_to_the_higher():
    band = aggregate({0: curve({1: 4.0}), 1: curve({1: 8.0})}, "mean", 9)  # either seed twice: a quarter each
    assert (band.centre[0], band.low[0], band.high[0]) == (6.0, 4.0, 8.0)


def test_one_seed_has_no_interval():
    band = aggregate({3: curve({1: 4.0})}, "iqm", 9)
    assert band.centre.tolist() == [4.0]
    assert np.isnan(band.low).all()
    assert np.isnan(band.high).all()


def test_the_line_goes_on_while_more_than_half_of_the_seeds_do():
    full = {1: 1.0, 2: 2.0, 3: 3.0}
    curves = {0: curve(full), 1: curve({1: 3.0, 2: 4.0}), 2: curve({1: 5.0})}
    band = aggregate(curves, "mean", 9)
    assert band.steps.tolist() == [1, 2]
    assert band.counts.tolist() == [3, 2]
    assert band.centre.tolist() == [3.0, 3.0]
    assert band.of == 3


def test_a_step_without_a_number_is_no_step_of_that_seed():
    band = aggregate({0: curve({1: 1.0, 2: np.nan}), 1: curve({1: 3.0, 2: 5.0})}, "mean", 9)
    assert band.steps.tolist() == [1]


def test_seeds_that_share_no_step_have_no_band_as_nothing_is_interpolated():
    assert aggregate({0: curve({1: 1.0, 3: 1.0}), 1: curve({2: 1.0, 4: 1.0})}, "mean", 9) is None
    assert aggregate({}, "mean", 9) is None


def test_a_long_band_keeps_evenly_spaced_steps_with_both_ends():
    long = Curve(np.arange(0, 1001), np.arange(0, 1001) / 2)
    band = aggregate({0: long, 1: long}, "mean", 11)
    assert band.steps.tolist() == list(range(0, 1001, 100))
    assert band.scores[1].tolist() == band.centre.tolist() == [step / 2 for step in range(0, 1001, 100)]
