"""Metrics of classification: by hand, against scikit-learn and a plain loop, and where a denominator is 0."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import pytest
import sklearn.metrics
import torch
from torch import Tensor

from supervised.metrics import (
    SCORES,
    GroupScores,
    Score,
    balanced_accuracy,
    check_costs,
    f1,
    mcc,
    precision,
    recall,
    score_groups,
    weighted_error,
)

# Ten messages, four of them spam (1): three of these are found, and one other is taken for spam.
LABELS = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
PREDICTED = torch.tensor([1, 1, 1, 0, 1, 0, 0, 0, 0, 0])


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """What is undefined is defined here, and so is nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def drawn(num_classes: int, seed: int, count: int = 200) -> tuple[Tensor, Tensor]:
    """Predictions that are right about half the time."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(num_classes, (count,), generator=draw)
    guesses = torch.randint(num_classes, (count,), generator=draw)
    return torch.where(torch.rand(count, generator=draw) < 0.5, labels, guesses), labels


def test_two_classes_by_hand() -> None:
    """True positives 3, false ones 1; true negatives 5, false ones 1."""
    assert precision(PREDICTED, LABELS, 2) == pytest.approx(3 / 4)
    assert recall(PREDICTED, LABELS, 2) == pytest.approx(3 / 4)
    assert f1(PREDICTED, LABELS, 2) == pytest.approx(3 / 4)
    assert mcc(PREDICTED, LABELS, 2) == pytest.approx((3 * 5 - 1 * 1) / math.sqrt(4 * 4 * 6 * 6))
    assert balanced_accuracy(PREDICTED, LABELS, 2) == pytest.approx((3 / 4 + 5 / 6) / 2)


def test_three_classes_by_hand() -> None:
    """Right: 2 of 3 of class 0, 1 of 2 of class 1, 1 of 1 of class 2; predicted: 2, 2 and 2 times."""
    predicted, labels = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 0, 0, 1, 1, 2])
    precisions, recalls = (2 / 2, 1 / 2, 1 / 2), (2 / 3, 1 / 2, 1 / 1)
    assert precision(predicted, labels, 3) == pytest.approx(sum(precisions) / 3)
    assert recall(predicted, labels, 3) == pytest.approx(sum(recalls) / 3)
    assert f1(predicted, labels, 3) == pytest.approx(sum(2 * p * r / (p + r) for p, r in zip(precisions, recalls)) / 3)
    assert balanced_accuracy(predicted, labels, 3) == pytest.approx(sum(recalls) / 3)
    # Gorodkin's: 4 of 6 right, 3 2 1 labels, 2 2 2 predictions.
    above = 4 * 6 - (3 * 2 + 2 * 2 + 1 * 2)
    below = math.sqrt((36 - (4 + 4 + 4)) * (36 - (9 + 4 + 1)))
    assert mcc(predicted, labels, 3) == pytest.approx(above / below)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_against_a_plain_loop(num_classes: int, seed: int) -> None:
    predicted, labels = drawn(num_classes, seed)
    pairs = list(zip(predicted.tolist(), labels.tolist()))
    precisions, recalls = [], []
    for k in range(num_classes):
        hits = sum(p == y == k for p, y in pairs)
        precisions.append(hits / sum(p == k for p, _ in pairs))
        recalls.append(hits / sum(y == k for _, y in pairs))
    counted = [1] if num_classes == 2 else list(range(num_classes))
    mean = lambda values: sum(values[k] for k in counted) / len(counted)  # noqa: E731
    assert precision(predicted, labels, num_classes) == pytest.approx(mean(precisions))
    assert recall(predicted, labels, num_classes) == pytest.approx(mean(recalls))
    harmonic = [2 * p * r / (p + r) for p, r in zip(precisions, recalls)]
    assert f1(predicted, labels, num_classes) == pytest.approx(mean(harmonic))
    assert balanced_accuracy(predicted, labels, num_classes) == pytest.approx(sum(recalls) / num_classes)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_against_scikit_learn(num_classes: int) -> None:
    predicted, labels = drawn(num_classes, seed=7)
    assert mcc(predicted, labels, num_classes) == sklearn.metrics.matthews_corrcoef(labels, predicted)
    assert balanced_accuracy(predicted, labels, num_classes) == pytest.approx(
        sklearn.metrics.balanced_accuracy_score(labels, predicted)
    )
    average = "binary" if num_classes == 2 else "macro"
    for mine, theirs in ((precision, "precision_score"), (recall, "recall_score"), (f1, "f1_score")):
        expected = getattr(sklearn.metrics, theirs)(labels, predicted, average=average)
        assert mine(predicted, labels, num_classes) == pytest.approx(expected)


@pytest.mark.parametrize("score", SCORES)
def test_all_right_is_one(score: Score) -> None:
    for num_classes in (2, 5):
        _, labels = drawn(num_classes, seed=0)
        assert SCORES[score](labels, labels, num_classes) == 1.0


def test_a_class_that_never_occurs_is_left_out() -> None:
    """Of ten classes only 0 and 1 occur, and there the recalls are 1/2 and 1."""
    predicted, labels = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    assert recall(predicted, labels, 10) == pytest.approx(3 / 4)
    assert precision(predicted, labels, 10) == pytest.approx((1 + 1 / 2) / 2)


def test_one_that_is_only_predicted_or_only_there_counts_as_zero() -> None:
    """Class 2 is predicted and never right; class 1 is there and never predicted."""
    predicted, labels = torch.tensor([0, 0, 2]), torch.tensor([0, 0, 1])
    assert precision(predicted, labels, 3) == pytest.approx((1 + 0 + 0) / 3)
    assert recall(predicted, labels, 3) == pytest.approx((1 + 0 + 0) / 3)
    assert f1(predicted, labels, 3) == pytest.approx((1 + 0 + 0) / 3)
    # It has no recall where no example is of class 2, so balanced accuracy is the mean of two.
    assert balanced_accuracy(predicted, labels, 3) == pytest.approx((1 + 0) / 2)


@pytest.mark.parametrize(("answer", "right"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_one_class_alone_is_defined(answer: int, right: int) -> None:
    predicted, labels = torch.full((4,), answer), torch.full((4,), right)
    positive = float(answer == right == 1)
    assert [SCORES[name](predicted, labels, 2) for name in ("precision", "recall", "f1")] == [positive] * 3
    assert mcc(predicted, labels, 2) == 0.0
    assert balanced_accuracy(predicted, labels, 2) == float(answer == right)


def test_always_the_same_answer_correlates_with_nothing() -> None:
    assert mcc(torch.ones(10, dtype=torch.int64), LABELS, 2) == 0.0
    assert mcc(LABELS, torch.ones(10, dtype=torch.int64), 2) == 0.0


def test_weighted_error_by_hand() -> None:
    """One of ten is blocked wrongly, at 10; one is let through wrongly, at 1."""
    costs = torch.tensor([[0.0, 10.0], [1.0, 0.0]])
    assert float(weighted_error(PREDICTED, LABELS, costs)) == pytest.approx((10 + 1) / 10)


def test_weighted_error_against_a_plain_loop() -> None:
    predicted, labels = drawn(4, seed=1)
    costs = torch.rand(4, 4, generator=torch.Generator().manual_seed(2))
    looped = sum(float(costs[y, p]) for p, y in zip(predicted.tolist(), labels.tolist())) / len(labels)
    assert float(weighted_error(predicted, labels, costs)) == pytest.approx(looped)
    error = 1 - sklearn.metrics.accuracy_score(labels, predicted)
    assert float(weighted_error(predicted, labels, 1 - torch.eye(4))) == pytest.approx(error)


@pytest.mark.parametrize("costs", [((0.0, 1.0),), ((0.0, 1.0), (1.0,)), ((0.0,) * 3,) * 3])
def test_costs_of_another_shape_are_refused(costs: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"for 2 classes it holds 2 rows, one for each right class, of 2 costs"):
        check_costs(costs, 2)


def test_groups_by_hand() -> None:
    """Group 3 has 1 of 2 right, group 8 has 3 of 4, group 5 all 2: the large group weighs no more than the others."""
    labels = torch.tensor([0, 0, 1, 1, 1, 1, 0, 1])
    predicted = torch.tensor([0, 1, 1, 1, 1, 0, 0, 1])
    groups = torch.tensor([3, 3, 8, 8, 8, 8, 5, 5])
    scores = score_groups(lambda p, y: (p == y).float().mean(), predicted, labels, groups)
    assert scores.by_group == {3: 0.5, 5: 1.0, 8: 0.75}
    assert scores.mean == pytest.approx((0.5 + 1.0 + 0.75) / 3)
    assert (scores.lowest, scores.highest) == (3, 5)


def test_the_worst_group_of_an_error_is_the_highest() -> None:
    costs = torch.tensor([[0.0, 10.0], [1.0, 0.0]])
    groups = torch.arange(10) % 2  # the wrongly blocked one is in group 0, the one let through in group 1
    scores = score_groups(lambda p, y: weighted_error(p, y, costs), PREDICTED, LABELS, groups)
    assert scores == GroupScores({0: 2.0, 1: pytest.approx(0.2)})
    assert scores.highest == 0


@pytest.mark.parametrize(
    ("predicted", "labels"),
    [
        (torch.zeros(3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_what_cannot_be_scored_is_told(predicted: Tensor, labels: Tensor) -> None:
    for score in SCORES.values():
        with pytest.raises(ValueError, match=r"have shape .*needs one class number of either\. Of logits .* argmax"):
            score(predicted, labels, 2)


def test_groups_need_one_for_each_example() -> None:
    with pytest.raises(ValueError, match=r"groups has shape \[3\], but there are 10 examples\. Name the group of each"):
        score_groups(lambda p, y: 0.0, PREDICTED, LABELS, torch.zeros(3, dtype=torch.int64))
