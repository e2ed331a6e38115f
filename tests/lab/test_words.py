from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lab.words import duration, listed, moment, number, parse_time, plain, short


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (500.0, "500.0"),
        (47.314, "47.31"),
        (0.98611, "0.9861"),
        (0.00123456, "0.001235"),
        (1234.5, "1,234"),
        (-88.0, "−88.00"),
        (1.234e-5, "1.23e−05"),
        (3e9, "3.00e+09"),
        (float("inf"), "inf"),
    ],
)
def test_measured_values_have_four_digits(value, said):
    assert number(value) == said


@pytest.mark.parametrize(("value", "said"), [(475.0, "475"), (0.985, "0.985"), (-90, "−90"), (50000.0, "50,000")])
def test_stated_values_are_short(value, said):
    assert plain(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (2000, "2,000"), (20_000, "20k"), (1.5e6, "1.5M"), (-0.25, "−0.25"), (1e-5, "1e−05")]
)
def test_axes_use_few_letters(value, said):
    assert short(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(8.23, "8.2 s"), (41.4, "41 s"), (60, "1 min"), (192, "3 min 12 s"), (4320, "1 h 12 min"), (183_600, "2 d 3 h")],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_times_are_told_in_utc():
    assert parse_time("2025-11-21T03:43:10+02:00") == datetime(2025, 11, 21, 1, 43, 10, tzinfo=UTC)
    assert parse_time("2025-11-21T01:43:10") == datetime(2025, 11, 21, 1, 43, 10, tzinfo=UTC)
    assert parse_time("yesterday") is None
    assert parse_time("0001-01-01T00:00:00+14:00") is None
    assert moment(datetime(2025, 11, 1, 1, 3, tzinfo=UTC)).replace("\xa0", " ") == "1 Nov 2025, 01:03 UTC"


def test_lists():
    assert [listed(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
