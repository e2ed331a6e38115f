"""The arithmetic of the benchmarks, by hand-computed numbers. Nothing here depends on how fast the machine is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as runner
from benchmarks.measure import Check, Result, Spread, Stopwatch, alternate, command, paired_ratio
from benchmarks.share import Attempt, compare


def result(*checks: Check) -> Result:
    return Result(title="Title", header=("a", "b"), rows=[("x", "1"), ("yy", "22")], checks=checks, notes=["A note."])


def test_quartiles() -> None:
    spread = Spread.of([4.0, 1.0, 2.0, 3.0, 5.0])
    assert (spread.lower, spread.median, spread.upper, spread.n) == (2.0, 3.0, 4.0, 5)
    assert spread.text(10, 1) == "30.0 (20.0-40.0)"


def test_pairs_are_divided_before_the_median_is_taken() -> None:
    # Ratios 2, 1, 3; the ratio of the medians would be 30 / 10 = 3.
    ratio = paired_ratio([20.0, 30.0, 30.0], [10.0, 30.0, 10.0])
    assert ratio.estimate == 2.0
    assert (ratio.low, ratio.high) == (1.0, 3.0)
    with pytest.raises(ValueError, match="argument 2"):
        paired_ratio([1.0, 2.0], [1.0])


def test_arms_take_turns_in_alternating_order_after_a_round_that_is_not_counted() -> None:
    tape: list[tuple[str, int]] = []

    def arm(name: str, value: float) -> Any:
        def measured(repeat: int) -> float:
            tape.append((name, repeat))
            return value + repeat

        return measured

    measured = alternate({"a": arm("a", 10.0), "b": arm("b", 20.0)}, repeats=3)
    assert measured == {"a": [10.0, 11.0, 12.0], "b": [20.0, 21.0, 22.0]}
    assert tape == [("a", -1), ("b", -1), ("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        (Check(name="x", value=1.03, at_most=1.03), True),
        (Check(name="x", value=1.031, at_most=1.03), False),
        (Check(name="x", value=2.0, at_least=2.0), True),
        (Check(name="x", value=1.9, at_least=2.0), False),
        (Check(name="x", value=float("nan"), at_most=1.0), False),
    ],
)
def test_bounds(check: Check, holds: bool) -> None:
    assert check.holds is holds
    assert str(check).startswith("holds" if holds else "MISSED")


class Clock:
    """Stands in for time: each look at it is what was set."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Saver:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def save(self) -> str:
        self.clock.now += 1.0
        self.write()
        return "saved"

    def write(self) -> None:
        self.clock.now += 2.0

    def read(self) -> None:
        self.clock.now += 4.0
        raise OSError


def test_the_stopwatch_counts_nested_calls_once_and_failing_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("benchmarks.measure.time", clock)
    watch, saver, other = Stopwatch(), Saver(clock), Saver(clock)
    watch.on(saver, "save", "write", "read")
    assert saver.save() == "saved"
    assert (watch.seconds, watch.calls) == (3.0, {"save": 1})
    saver.write()
    with pytest.raises(OSError):  # noqa: PT011
        saver.read()
    other.save()  # not the object that is watched
    assert (watch.seconds, watch.calls) == (9.0, {"save": 1, "write": 1, "read": 1})


def test_a_share_is_taken_of_all_other_time_and_held_to_its_bound() -> None:
    ours = [Attempt(seconds=10.1, inside=0.1), Attempt(seconds=10.2, inside=0.2), Attempt(seconds=10.3, inside=0.3)]
    bare = [Attempt(seconds=10.0)] * 3
    row, (inside, paired) = compare("x", ours, bare, at_most=0.01)
    assert inside.value == pytest.approx(0.02)
    assert not inside.holds
    assert paired.value == pytest.approx(0.01)  # the lowest of 1 %, 2 %, 3 %
    assert row[0] == "x"
    assert row[3] == "2.000 (1.500-2.500)"
    _, (cheap, dear) = compare("x", [Attempt(seconds=11.0, inside=0.01)] * 3, bare, at_most=0.01)
    assert cheap.holds
    assert not dear.holds  # work that no call shows, but the clock does


def test_the_exit_code_says_whether_the_bounds_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Check(name="good", value=1.0, at_most=2.0), Check(name="bad", value=3.0, at_most=2.0)
    file = tmp_path / "folder" / "result.json"
    assert command(lambda quick: result(good), ["--json", str(file)]) == 0
    assert command(lambda quick: result(good, bad), []) == 1
    assert command(lambda quick: result(good, bad), ["--quick"]) == 0
    assert "MISSED bad: 3.0000, bound at most 2" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert written["holds"] is True
    assert written["checks"][0]["value"] == 1.0
    assert {"cpu", "cores", "versions"} <= set(written["machine"])


def test_all_benchmarks_are_found_and_one_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"fit", "tracking", "checkpointing"} <= set(runner.found())
    assert not {"measure", "share", "__init__", "__main__"} & set(runner.found())
    monkeypatch.setattr(runner, "start", lambda name, quick: name != "tracking")
    assert runner.main(["fit", "checkpointing"]) == 0
    assert runner.main(["fit", "tracking"]) == 1
    assert "MISSED" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        runner.main(["fitt"])
    assert ended.value.code == 2
