"""Targets and verdicts, on scores worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from lab.experiment import Bound, Target
from lab.verdict import judge, shortfalls, values_beside


def target(**settings: Any) -> Target:
    defaults: dict[str, Any] = {"metric": "eval/return", "steps": 100, "protocol": "p", "source": "s"}
    return Target(**(defaults | settings))


def seeds(*scores: float) -> dict[int, float]:
    return dict(enumerate(scores))


@pytest.mark.parametrize(
    ("bounds", "scores", "value", "word"),
    [
        # Of five, the IQM is the mean of the middle three: (400 + 500 + 500) / 3.
        ({"at_least": 475.0}, (500, 500, 500, 400, 0), 1400 / 3, "fail"),
        ({"at_least": 475.0}, (500, 500, 500, 500, 0), 500.0, "pass"),
        ({"at_least": 475.0, "each_seed_at_least": 400.0}, (500, 500, 500, 500, 0), 500.0, "fail"),
        ({"at_least": 475.0, "each_seed_at_least": 400.0}, (500, 500, 500, 500, 400), 500.0, "pass"),
        ({"at_least": 475.0, "statistic": "mean"}, (500, 500, 500, 500, 0), 400.0, "fail"),
        ({"at_least": 400.0, "statistic": "mean"}, (500, 500, 500, 500, 0), 400.0, "pass"),
        ({"at_most": 1.0, "statistic": "mean"}, (0, 1, 2, 1, 1), 1.0, "pass"),
        ({"at_most": 0.0, "statistic": "mean"}, (0, 0, 0, 0, 1), 0.2, "fail"),
        ({"at_most": 0.0, "statistic": "mean"}, (0, 0, 0, 0, 0), 0.0, "pass"),
        ({"at_least": -90.0}, (-80, -85, -89, -100, -500), -274 / 3, "fail"),
    ],
)
def test_scores_are_held_to_the_bound(
    bounds: dict[str, Any], scores: tuple[float, ...], value: float, word: str
) -> None:
    verdict = judge(target(**bounds), "e", seeds(*scores))
    assert verdict.value == pytest.approx(value)
    assert (verdict.word, verdict.passed) == (word, word == "pass")
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low <= value <= verdict.high


def test_too_few_seeds_give_no_verdict() -> None:
    verdict = judge(target(at_least=1.0), "e", seeds(5, 5, 5, 5))
    assert (verdict.word, verdict.passed, verdict.value) == ("open", False, None)
    assert verdict.sentence == "4 of 5 seeds have a score, so there is no verdict yet; the target is IQM at least 1."
    assert judge(target(at_least=1.0), "e", {}).word == "open"


def test_the_sentence_says_all_that_counts() -> None:
    verdict = judge(
        target(at_least=475.0, each_seed_at_least=400.0, published=500.0), "e", {3: 500, 4: 500, 5: 500, 6: 500, 7: 18}
    )
    assert verdict.sentence.startswith("IQM 500 [")
    assert "over 5 seeds; the target is at least 475" in verdict.sentence
    assert "no seed below 400 (the lowest is seed 7 with 18)" in verdict.sentence
    assert verdict.sentence.endswith("published: 500.")


@pytest.mark.parametrize("scores", [(5.0, 5.0), (7.0,), ()])
def test_json_is_json(scores: tuple[float, ...]) -> None:
    verdict = judge(target(at_least=1.0, seeds=1), "e", seeds(*scores))
    told = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
    assert told["experiment"] == "e"
    assert told["verdict"] == ("pass" if scores else "open")
    assert told["scores"] == {str(seed): score for seed, score in enumerate(scores)}


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_a_target_has_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="A Target has one bound"):
        target(**bounds)


INTENT = Bound(metric="eval/intent", at_least=0.97)
ERROR = Bound(metric="eval/error", at_most=0.5)


@pytest.mark.parametrize(
    ("intent", "error", "reasons"),
    [
        ((0.96, 0.98, 0.97), (0.5, 0.5, 0.5), ()),  # means of 0.97 and 0.5: the bounds themselves are enough
        ((0.96, 0.96, 0.97), (0.1, 0.2, 0.3), ("eval/intent is 0.9633, not >= 0.97",)),
        ((0.99, 0.99, 0.99), (0.1, 0.2, 1.3), ("eval/error is 0.5333, not <= 0.5",)),
        ((0.99, 0.99, math.nan), (0.1, 0.2, 0.3), ("eval/intent is nan, not >= 0.97",)),
    ],
)
def test_further_metrics_must_hold_too(
    intent: tuple[float, ...], error: tuple[float, ...], reasons: tuple[str, ...]
) -> None:
    held = target(at_least=1.0, seeds=3, beside=(INTENT, ERROR))
    scores, beside = seeds(1, 2, 3), {"eval/intent": seeds(*intent), "eval/error": seeds(*error)}
    assert shortfalls(held, 2.0, scores, beside) == reasons
    verdict = judge(held, "e", scores, beside)
    assert verdict.passed == (not reasons)
    assert f"; eval/error mean {sum(error) / 3:.4g}, the target is <= 0.5" in verdict.sentence
    assert not judge(held, "e", scores).passed  # what was not measured does not hold


def test_the_further_metrics_are_those_of_the_judged_row() -> None:
    held = target(at_least=1.0, beside=(INTENT, ERROR))
    found = values_beside({"step": 100, "eval/return": 2.0, "eval/intent": 0.5, "eval/error": None}, held)
    assert found["eval/intent"] == 0.5
    assert math.isnan(found["eval/error"])
    assert values_beside({"step": 100}, target(at_least=1.0)) == {}


@pytest.mark.parametrize("sides", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_a_bound_has_one_side(sides: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="A Bound has one side"):
        Bound(metric="eval/intent", **sides)
