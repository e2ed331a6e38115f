"""What a scale shows of several arms, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lab.report.scales import Scale, fitted

NEAR = [1.0, 2.0]


def scale(*arms: list[float], bound: float | None = None) -> tuple[float, float]:
    found = fitted([[np.array(arm)] for arm in arms], 0, 1, bound=bound)
    return pytest.approx(found.low, abs=1e-9), pytest.approx(found.high, abs=1e-9)


def test_from_three_arms_on_the_farthest_is_left_off_where_it_would_squash_the_rest() -> None:
    assert scale(NEAR, NEAR, [99.0, 100.0]) == (1 - 0.06, 2 + 0.06)
    assert scale(NEAR, [99.0, 100.0]) == (0, 100 + 0.06 * 99)  # of two, neither is the odd one


def test_two_far_arms_are_left_off_together_if_they_are_at_most_a_third() -> None:
    near = [NEAR] * 4
    assert scale(*near, [99.0], [100.0]) == (1 - 0.06, 2 + 0.06)
    assert scale(*near[:3], [99.0], [100.0]) == (0, 100 + 0.06 * 99)


def test_an_arm_stays_on_where_leaving_it_off_gains_less_than_threefold() -> None:
    assert scale(NEAR, NEAR, [3.9]) == (1 - 0.06 * 2.9, 3.9 + 0.06 * 2.9)
    assert scale(NEAR, NEAR, [4.1]) == (1 - 0.06, 2 + 0.06)


def test_the_first_tenth_of_each_curve_may_lie_off() -> None:
    curve = [50.0] + [1.0, 2.0] * 5  # 11 points: one is left out
    assert scale(curve, curve, curve) == (1 - 0.06, 2 + 0.06)
    assert scale(curve, curve) == (0, 50 + 0.06 * 49)


def test_the_target_stays_on() -> None:
    assert scale(NEAR, NEAR, [99.0], bound=3.0) == (1 - 0.06 * 2, 3 + 0.06 * 2)


def test_whether_to_take_logarithms_is_decided_by_what_is_shown() -> None:
    far = fitted([[np.array(arm)] for arm in (NEAR, NEAR, [1e9])], 0, 1)
    assert (far.logarithmic, far.high) == (False, pytest.approx(2.06))
    wide = fitted([[np.array(arm)] for arm in ([1e-3, 1.0], [1e-3, 1.0], [1e9])], 0, 1)
    assert (wide.logarithmic, wide.low, wide.high) == (True, pytest.approx(1e-3 / 1.2), 1.2)
    # On a logarithmic scale, three decades more are not a threefold: nothing is left off.
    assert fitted([[np.array(arm)] for arm in ([1e-3, 1.0], [1e-3, 1.0], [1e3])], 0, 1).high == 1.2e3


def test_arms_without_a_number_are_none() -> None:
    nothing = [np.array([np.nan])]
    empty = fitted([nothing, nothing, nothing], 0, 1)
    assert (empty.low, empty.high) == (0, 1)
    assert fitted([nothing, [np.array(NEAR)], [np.array([99.0])]], 0, 1).high > 99


def test_an_arm_whose_only_number_is_its_first_counts_with_it() -> None:
    once = [np.array([1.5] + [np.nan] * 19)]
    assert fitted([once, [np.array(NEAR)], [np.array(NEAR)]], 0, 1).high == pytest.approx(2.06)


def test_what_lies_off_a_scale_is_held_at_its_edge() -> None:
    upright = Scale(0, 10, 100, 0)
    assert [upright.held(value) for value in (-5.0, 4.0, 1e12)] == [100, 60, 0]
    assert upright.holds(np.array([0.0, np.nan, 10.0]))
    assert not upright.holds(np.array([5.0, 10.1]))
