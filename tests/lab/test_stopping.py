"""Early stopping, judgement by judgement."""

from __future__ import annotations

import math

import pytest

from lab.stopping import EarlyStopping


def test_stops_after_patience_judgements_without_improvement() -> None:
    stopping = EarlyStopping(2)
    judged = [(stopping.observe(value), stopping.exhausted) for value in (3.0, 2.0, 2.0, 1.9, 2.5, 1.95)]
    assert judged == [(True, False), (True, False), (False, False), (True, False), (False, False), (False, True)]
    assert stopping.best == 1.9


def test_higher_can_be_better_and_a_gain_can_be_too_small() -> None:
    stopping = EarlyStopping(3, better="higher", least_gain=0.5)
    assert [stopping.observe(value) for value in (1.0, 1.5, 1.6, 0.0)] == [True, False, True, False]
    assert stopping.best == 1.6


def test_not_a_number_is_no_improvement() -> None:
    stopping = EarlyStopping(2)
    assert [stopping.observe(value) for value in (math.nan, 5.0, math.nan)] == [False, True, False]
    assert stopping.best == 5.0


def test_a_state_goes_on_exactly() -> None:
    stopping = EarlyStopping(2)
    for value in (1.0, 2.0):
        stopping.observe(value)
    resumed = EarlyStopping(2)
    resumed.load_state_dict(stopping.state_dict())
    assert not resumed.exhausted
    assert not resumed.observe(1.5)
    assert resumed.exhausted


def test_refuses_no_patience() -> None:
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStopping(0)
