"""Metrics of classification: precision, recall, F1, Matthews correlation, the cost of mistakes, scores by groups.

Everywhere `predicted` [N] and `labels` [N] hold class numbers in [0, num_classes), int64. Of two classes, class 1 is
the positive one. Of more, precision, recall and F1 are means over the classes that occur among the labels or the
predictions, each of one weight; a class that occurs in neither is left out. Nothing is left undefined: a ratio whose
denominator is 0 (the precision of a class that is never predicted, the recall of one that no example has) counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Score = Literal["precision", "recall", "f1", "mcc", "balanced_accuracy"]


def precision(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """The share of the examples predicted to be of a class that are of it."""
    from sklearn.metrics import precision_score

    return _by_class(precision_score, predicted, labels, num_classes)


def recall(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """The share of a class's examples that are predicted to be of it."""
    from sklearn.metrics import recall_score

    return _by_class(recall_score, predicted, labels, num_classes)


def f1(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """The harmonic mean of precision and recall; of more than two classes the mean of each class's."""
    from sklearn.metrics import f1_score

    return _by_class(f1_score, predicted, labels, num_classes)


def _by_class(metric: Callable[..., Any], predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    _check(predicted, labels)
    counted = [1] if num_classes == 2 else torch.cat([predicted, labels]).unique().tolist()
    return float(metric(labels.cpu(), predicted.cpu(), labels=counted, average="macro", zero_division=0))


def mcc(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """The Matthews correlation of predictions and labels, in [-1, 1]; of more than two classes Gorodkin's.

    0 where all labels or all predictions are of one class, which correlates with nothing. Source: Matthews 1975;
    Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient".
    """
    from sklearn.metrics import matthews_corrcoef

    _check(predicted, labels)
    if (predicted == predicted[0]).all() or (labels == labels[0]).all():
        return 0.0
    return float(matthews_corrcoef(labels.cpu(), predicted.cpu()))


def balanced_accuracy(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """The mean recall of the classes that occur among the labels, of two classes as well."""
    from sklearn.metrics import recall_score

    _check(predicted, labels)
    counted = labels.unique().tolist()
    return float(recall_score(labels.cpu(), predicted.cpu(), labels=counted, average="macro", zero_division=0))


SCORES: Mapping[Score, Callable[[Tensor, Tensor, int], float]] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "mcc": mcc,
    "balanced_accuracy": balanced_accuracy,
}


def weighted_error(predicted: Tensor, labels: Tensor, costs: Tensor) -> Tensor:
    """The mean cost of an answer: costs [K, K] at (i, j) is what it costs to answer j where i is right. Returns [].

    With 0 on the diagonal and 1 elsewhere it is the error rate.
    """
    _check(predicted, labels)
    return costs[labels, predicted].mean()


def check_costs(costs: tuple[tuple[float, ...], ...], num_classes: int) -> None:
    """Raises ValueError unless there is a row for each right class, and in it a cost for each answer."""
    if [len(row) for row in costs] != [num_classes] * num_classes:
        raise ValueError(
            f"costs is {costs}, but for {num_classes} classes it holds {num_classes} rows, one for each right class, "
            f"of {num_classes} costs, one for each answer. Give it so, with 0 where the answer is right."
        )


@dataclass(frozen=True)
class GroupScores:
    """A score in each group, none weighing more for being large."""

    by_group: Mapping[int, float]  # group -> score

    @property
    def mean(self) -> float:
        """Over the groups."""
        return sum(self.by_group.values()) / len(self.by_group)

    @property
    def lowest(self) -> int:
        """The group that scores lowest: of a score the worst, of an error the best."""
        return min(self.by_group, key=lambda group: self.by_group[group])

    @property
    def highest(self) -> int:
        """The group that scores highest: of a score the best, of an error the worst."""
        return max(self.by_group, key=lambda group: self.by_group[group])


def score_groups(
    score: Callable[[Tensor, Tensor], Tensor | float], predicted: Tensor, labels: Tensor, groups: Tensor
) -> GroupScores:
    """`score(predicted, labels)` among the examples of each group: groups [N] int64 says which group each is in.

    A group without examples does not occur.
    """
    _check(predicted, labels)
    if groups.shape != labels.shape:
        raise ValueError(
            f"groups has shape {list(groups.shape)}, but there are {len(labels)} examples. Name the group of each."
        )
    members = {int(group): groups == group for group in groups.unique()}
    return GroupScores({group: float(score(predicted[among], labels[among])) for group, among in members.items()})


def _check(predicted: Tensor, labels: Tensor) -> None:
    if predicted.shape != labels.shape or predicted.ndim != 1 or not len(labels):
        raise ValueError(
            f"The predictions have shape {list(predicted.shape)} and the labels {list(labels.shape)}, but each of at "
            "least one example needs one class number of either. Of logits [N, K] take argmax(-1)."
        )
