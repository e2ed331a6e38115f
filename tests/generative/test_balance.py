"""What is amiss between two adversaries is told when it begins, once, and again when it comes back."""

from __future__ import annotations

import logging

import pytest
import torch

from generative.balance import Balance
from generative.distances import SampleMetrics


def told(caplog: pytest.LogCaptureFixture, balance: Balance, *standings: tuple[float, float, float]) -> list[str]:
    """The first word or two of each warning, with the update at which it came."""
    said = []
    for updates, standing in enumerate(standings, start=1):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "lab"):
            balance.observe(updates, *(torch.tensor(value) for value in standing))
        said += [f"{updates}: {record.getMessage().partition(':')[0]}" for record in caplog.records]
    return said


FINE = (0.8, 2.0, 0.9)


def test_what_stays_within_bounds_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, Balance(signed=True, pixels=784, every=1), *[FINE] * 5) == []


def test_each_trouble_is_told_once_each_time_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    won, apart, collapsed = (1.0, 2.0, 0.9), (0.8, 31.0, 0.9), (0.8, 2.0, 0.05)
    standings = (FINE, won, won, FINE, won, apart, apart, collapsed, collapsed, FINE)
    assert told(caplog, Balance(signed=True, pixels=784, every=1), *standings) == [
        "2: The discriminator has won",
        "5: The discriminator has won",
        "6: The losses run off",
        "8: The generator has collapsed",
    ]


def test_a_moment_is_not_told_but_a_mean_is(caplog: pytest.LogCaptureFixture) -> None:
    once = (0.8, 40.0, 0.9)
    assert told(caplog, Balance(signed=True, pixels=784, every=4), once, FINE, FINE, FINE) == []
    assert told(caplog, Balance(signed=True, pixels=784, every=4), once, once, once, FINE) == [
        "4: The losses run off",
    ]


def test_a_critic_cannot_win_and_answers_as_far_apart_as_pictures(caplog: pytest.LogCaptureFixture) -> None:
    critic = Balance(signed=False, pixels=2_500, every=1)
    assert told(caplog, critic, (1.0, 49.0, 0.9), (1.0, 51.0, 0.9)) == ["2: The losses run off"]


def test_what_was_judged_counts_as_the_same_occurrence(caplog: pytest.LogCaptureFixture) -> None:
    balance = Balance(signed=True, pixels=4, every=1)
    assert told(caplog, balance, (0.8, 2.0, 0.05)) == ["1: The generator has collapsed"]
    with caplog.at_level(logging.WARNING, "lab"):
        caplog.clear()
        balance.judged(0.04)
        assert not caplog.records
        balance.judged(0.5)
        balance.judged(0.04)
    assert "differ by 4.0 %" in caplog.text


def compared(precision: float, coverage: float, num_made: int = 10_000) -> SampleMetrics:
    return SampleMetrics(
        frechet=1.0, kernel=0.0, precision=precision, recall=0.0, density=1.0, coverage=coverage, num_real=10_000,
        num_made=num_made, features="any", split="any", maker="any",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("judgement", "is_told"),
    [
        (compared(1.0, 0.008), True),  # two pictures of clothing, repeated
        (compared(1.0, 0.6), False),
        (compared(0.01, 0.001), False),  # noise: nothing has been learnt that could be repeated
        (compared(1.0, 0.008, num_made=20), False),  # 20 real ones would cover 0.01
    ],
)
def test_pictures_that_are_repeated_are_told_however_far_apart(
    judgement: SampleMetrics, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "lab"):
        Balance(signed=True, pixels=784).compared(judgement)
    assert ("has collapsed to few pictures" in caplog.text) == is_told


def test_repeated_pictures_are_told_once_and_not_beside_a_collapse(caplog: pytest.LogCaptureFixture) -> None:
    balance, repeated = Balance(signed=True, pixels=784, every=1), compared(1.0, 0.008)
    with caplog.at_level(logging.WARNING, "lab"):
        for spread in (0.05, 0.9, 0.9):
            balance.judged(spread)
            balance.compared(repeated)
    first, second = (record.getMessage() for record in caplog.records)
    assert "differ by 5.0 % of what real ones do" in first
    assert "they cover 0.8 % of the real ones, where as many real ones would cover 96.9 % (recall 0.000)" in second


def test_no_number_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    nan = float("nan")
    assert told(caplog, Balance(signed=True, pixels=4, every=1), (nan, nan, nan)) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_is_told_a_period_later_and_nothing_waits(caplog: pytest.LogCaptureFixture) -> None:
    balance = Balance(signed=True, pixels=784, every=2)
    with caplog.at_level(logging.WARNING, "lab"):
        for updates in range(1, 5):
            standing = [torch.tensor(value, device="cuda") for value in (1.0, 2.0, 0.9)]
            torch.cuda.set_sync_debug_mode("error")
            try:
                balance.observe(updates, *standing)
            finally:
                torch.cuda.set_sync_debug_mode("default")
            assert ("has won" in caplog.text) == (updates == 4)
    assert "up to 2 it told" in caplog.text
