"""Spirals: where their points lie, and that no line parts them while neighbours do."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from lab.data import split
from lab.data.planar import spirals


@pytest.mark.parametrize("arms", [1, 2, 3])
@pytest.mark.parametrize("turns", [0.0, 0.5, 1.75])
def test_without_noise_a_point_lies_on_its_arm(arms: int, turns: float) -> None:
    data = spirals(90, seed=0, arms=arms, turns=turns, noise=0.0)
    radius = data.inputs.norm(dim=1)
    assert data.labels.bincount().tolist() == [90 // arms] * arms
    assert 0 <= float(radius.min()) < 0.1
    assert 0.9 < float(radius.max()) <= 1
    for (x, y), r, label in zip(data.inputs.tolist(), radius.tolist(), data.labels.tolist()):
        angle = 2 * math.pi * (turns * r + label / arms)
        assert (x, y) == pytest.approx((r * math.cos(angle), r * math.sin(angle)), abs=1e-5)


def test_noise_is_the_deviation_of_the_direction() -> None:
    straight = spirals(20_000, seed=0, arms=1, turns=0.0, noise=0.3)
    assert float(torch.atan2(*straight.inputs.T.flip(0)).std()) == pytest.approx(0.3, rel=0.02)


def test_points_depend_on_the_seed_alone() -> None:
    first = spirals(50, seed=1).inputs
    torch.rand(3)
    assert torch.equal(spirals(50, seed=1).inputs, first)
    assert not torch.equal(spirals(50, seed=2).inputs, first)


def test_no_line_parts_them_and_neighbours_do() -> None:
    training, test = split(spirals(2_000, seed=0), (0.6, 0.4), seed=0)
    line, neighbours = LogisticRegression(), KNeighborsClassifier()
    for model in (line, neighbours):
        model.fit(training.inputs, training.labels)
    assert line.score(test.inputs, test.labels) < 0.6
    assert neighbours.score(test.inputs, test.labels) > 0.99


@pytest.mark.parametrize("settings", [{"arms": 0}, {"count": 1}, {"turns": -1.0}, {"noise": math.nan}])
def test_impossible_spirals_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="There must be an arm, a point on each, and turns and noise of 0 or more"):
        spirals(**{"count": 10, "seed": 0} | settings)
