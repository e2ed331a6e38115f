"""Ranges by hand, and that points lie evenly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.stats import qmc

from lab.config import ConfigError
from lab.search_space import Choices, Range, at_the_border, axis, drawn, points


@dataclass(frozen=True)
class Part:
    rate: float = 0.1
    batch: int = 32
    double: bool = False
    kind: str = "adam"


@dataclass(frozen=True)
class Config:
    agent: Part = field(default_factory=Part)
    run: Part = field(default_factory=Part)


def test_values_on_each_scale_by_hand() -> None:
    assert Range("a", 2.0, 6.0).at(0.25) == 3.0
    assert Range("a", 1e-4, 1e-2, "log").at(0.5) == pytest.approx(1e-3)
    assert Range("a", 0.9, 0.999, "log1m").at(0.5) == pytest.approx(0.99)
    assert Range("a", 16, 64, "log", whole=True).at(0.5) == 32
    assert isinstance(Range("a", 16, 64, "log", whole=True).at(0.3), int)
    assert Range("a", 1e-4, 1e-2, "log").at(0.1234) == 0.0001765, "four digits, so that commands are short"
    assert Choices("a", ("x", "y", "z")).at(0.99) == "z"


@pytest.mark.parametrize("scale", ["linear", "log", "log1m"])
def test_place_is_the_inverse_and_ranges_close_in(scale: str) -> None:
    each = Range("a", 0.1, 0.9, scale)  # type: ignore[arg-type]
    for place in (0.0, 0.3, 1.0):
        assert each.place(each.at(place)) == pytest.approx(place, abs=1e-3)
    near = each.around(float(each.at(0.5)), 0.25)
    assert each.place(near.low) == pytest.approx(0.375, abs=2e-3)
    assert each.place(near.high) == pytest.approx(0.625, abs=2e-3)
    edge = each.around(0.1, 0.25)
    assert (edge.low, each.place(edge.high)) == (0.1, pytest.approx(0.25, abs=2e-3))


def test_points_are_haltons_shifted_and_the_first_ones_stay() -> None:
    found = points(100, 3, seed=0)
    unshifted = qmc.Halton(3, scramble=False).random(101)[1:]
    shift = np.random.default_rng(0).random(3)
    np.testing.assert_allclose(found, (unshifted + shift) % 1, atol=1e-12)
    np.testing.assert_array_equal(points(7, 3, seed=0), found[:7])
    assert qmc.discrepancy(found) < 0.2 * qmc.discrepancy(points(100, 3, 0, "random"))
    np.testing.assert_array_equal(points(7, 3, 0, "random"), points(9, 3, 0, "random")[:7])
    with pytest.raises(ValueError, match="--sampler random"):
        points(2, 13, 0)


def test_equal_candidates_are_tried_once() -> None:
    found = drawn([Choices("a", (1, 2)), Choices("b", ("x", "y"))], 50, 0, "even")
    assert sorted((each["a"], each["b"]) for each in found) == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


def test_axes_are_read_as_their_settings_are() -> None:
    assert axis("agent.rate=1e-4:1e-2:log", Config()) == Range("agent.rate", 1e-4, 1e-2, "log")
    assert axis("agent.batch=16:64", Config()) == Range("agent.batch", 16, 64, "linear", whole=True)
    assert axis("agent.double=True,False", Config()) == Choices("agent.double", (True, False))
    assert axis("agent.kind=adam, sgd", Config()) == Choices("agent.kind", ("adam", "sgd"))
    assert axis("agent.batch=16,32", Config()) == Choices("agent.batch", (16, 32))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent.rat=1:2", "there is no setting 'agent.rat'. Did you mean 'agent.rate'"),
        ("run.rate=1:2", "run.rate shapes no result"),
        ("agent.rate=3", "has nothing to vary"),
        ("agent.rate=1:2:lag", "'lag' is no scale. Did you mean 'log'"),
        ("agent.rate=a:b", "are no numbers"),
        ("agent.rate=2:1", "has no values"),
        ("agent.rate=0:1:log", "which has no logarithm. Begin above 0"),
        ("agent.rate=0:1:log1m", "has no logarithm. End below 1"),
        ("agent.double=yes,no", "is neither True nor False"),
    ],
)
def test_what_is_no_axis(text: str, said: str) -> None:
    with pytest.raises((ConfigError, ValueError)) as error:
        axis(text, Config())
    assert said in str(error.value)


def test_the_best_at_a_border_is_told() -> None:
    axes = [Range("rate", 1e-4, 1e-2, "log"), Range("share", 0.0, 1.0), Choices("kind", ("a", "b"))]
    assert at_the_border(axes, {"rate": 1e-3, "share": 0.5, "kind": "a"}) == []
    said = at_the_border(axes, {"rate": 1.1e-4, "share": 0.99, "kind": "a"})
    assert said == [
        "rate = 0.00011 lies at its range's lower end, 0.0001",
        "share = 0.99 lies at its range's upper end, 1",
    ]
