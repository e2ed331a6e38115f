"""Schedules against numbers worked out by hand and against torch's own schedulers."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest
import torch

from lab.schedules import Schedule, by_hand, constant, cosine, linear, staircase


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(0.3), {0: 0.3, 10**9: 0.3}),
        (linear(1.0, 0.1, 100), {0: 1.0, 50: 0.55, 100: 0.1, 101: 0.1, 10**9: 0.1}),
        (linear(0.4, 1.0, 10), {5: 0.7, 10: 1.0}),
        (linear(1.0, 0.1, 100, delay_steps=50), {0: 1.0, 50: 1.0, 100: 0.55, 150: 0.1, 151: 0.1}),
        (
            Schedule(kind="by_hand", pieces=((0, 0.1), (5, 0.7)), delay_steps=10, warmup_steps=2),
            {0: 0.0, 10: 0.0, 11: 0.05, 12: 0.1, 14: 0.1, 15: 0.7},
        ),
        (cosine(1.0, 0.2, 8), {0: 1.0, 2: 0.6 + 0.4 * math.sqrt(0.5), 4: 0.6, 8: 0.2, 9: 0.2}),
        (
            Schedule(kind="exponential", start=1.0, end=0.01, steps=4),
            {0: 1.0, 1: 10**-0.5, 2: 0.1, 4: 0.01, 5: 0.01},
        ),
        (Schedule(kind="inverse", start=0.2, rate=1.0), {0: 0.2, 1: 0.1, 2: 0.2 / 3, 3: 0.05}),
        (Schedule(kind="inverse", start=0.2, rate=1.0, end=0.06), {1: 0.1, 3: 0.06}),
        (Schedule(kind="inverse_sqrt", start=2.0), {0: 2.0, 3: 1.0, 15: 0.5}),
        (staircase(1.0, 0.5, 10), {0: 1.0, 9: 1.0, 10: 0.5, 19: 0.5, 20: 0.25}),
        (
            by_hand((0, 0.1), (100, 0.01), (150, 0.5)),
            {0: 0.1, 99: 0.1, 100: 0.01, 149: 0.01, 150: 0.5, 10**6: 0.5},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Schedule) else "",
)
def test_values_by_hand(schedule: Schedule, expected: dict[int, float]) -> None:
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, abs=1e-12)


def test_warmup_climbs_from_zero_and_the_rest_keeps_the_horizon() -> None:
    schedule = cosine(1.0, 0.0, steps=10, warmup_steps=4)
    assert [schedule(step) for step in (0, 1, 4, 7, 10)] == pytest.approx([0.0, 0.25, 1.0, 0.5, 0.0], abs=1e-12)


def test_warmup_meets_pieces_by_hand_at_their_own_steps() -> None:
    schedule = Schedule(kind="by_hand", pieces=((0, 1.0), (3, 0.5), (6, 0.1)), warmup_steps=4)
    assert [schedule(step) for step in (0, 2, 4, 5, 6)] == pytest.approx([0.0, 0.25, 0.5, 0.5, 0.1])


def test_inverse_sqrt_with_warmup_is_the_transformers() -> None:
    warmup = 8
    schedule = Schedule(kind="inverse_sqrt", warmup_steps=warmup, rate=1 / warmup)
    for step in (1, 5, 8, 20, 1000):
        assert schedule(step) == pytest.approx(min(step**-0.5, step * warmup**-1.5) * warmup**0.5)


@pytest.mark.parametrize(
    ("schedule", "torchs"),
    [
        (cosine(1.0, 0.1, 7), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=7, eta_min=0.1)),
        (staircase(1.0, 0.3, 3), lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=3, gamma=0.3)),
        (linear(1.0, 0.25, 6), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.25, total_iters=6)),
    ],
    ids=["cosine", "staircase", "linear"],
)
def test_agrees_with_torch(schedule: Schedule, torchs) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torchs(optimizer)
    for step in range(7):
        assert schedule(step) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_only_a_constant_without_warmup_does_not_vary() -> None:
    assert not constant(1.0).varies
    assert Schedule(warmup_steps=1).varies
    assert linear(1.0, 0.5, 2).varies


def test_between_its_turns_it_rises_or_falls_only() -> None:
    for schedule in (
        linear(1.0, 0.1, 100, delay_steps=50),
        cosine(2.0, 0.5, 30, warmup_steps=7),
        Schedule(kind="by_hand", pieces=((0, 0.5), (4, 3.0), (9, -1.0)), delay_steps=2),
    ):
        values = [schedule(step) for step in range(200)]
        at_turns = [schedule(turn) for turn in schedule.turns]
        assert (min(values), max(values)) == pytest.approx((min(at_turns), max(at_turns)))


def test_is_plain_data() -> None:
    schedule = by_hand((0, 1.0), (5, 0.5))
    assert Schedule(**asdict(schedule)) == schedule
    assert hash(schedule) == hash(by_hand((0, 1.0), (5, 0.5)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": math.nan}, "nan"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
        ({"kind": "linear", "end": 0.1}, "steps=0"),
        ({"kind": "cosine", "steps": 5, "warmup_steps": 5}, "above warmup_steps"),
        ({"kind": "exponential", "steps": 5, "end": 0.0}, "same sign"),
        ({"kind": "inverse", "rate": -0.1}, "rate is -0.1"),
        ({"kind": "staircase"}, "every 0 steps"),
        ({"kind": "staircase", "every": 5, "factor": 0.0}, "factor above 0"),
        ({"kind": "by_hand"}, "start with"),
        ({"kind": "by_hand", "pieces": ((1, 1.0),)}, "start with"),
        ({"kind": "by_hand", "pieces": ((0, 1.0), (5, 0.5), (5, 0.1))}, "go upwards"),
        ({"kind": "by_hand", "pieces": ((0, math.inf),)}, "not finite"),
    ],
)
def test_refuses_what_is_no_schedule(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        Schedule(**settings)
