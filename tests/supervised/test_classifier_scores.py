"""What a classifier judges besides loss and accuracy, and the labels that it refuses before it learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lab.backbones import MLPConfig
from lab.data import Batches, Dataset
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig


def made(num_classes: int = 2, **settings: Any) -> Classifier:
    """Logits of the class numbers: the inputs [B, K] themselves."""
    classifier = Classifier(
        ClassifierConfig(**settings), MLPConfig(widths=()).build((num_classes,)), num_classes, Seeds(0)
    )
    with torch.no_grad():
        weight, bias = classifier.network.parameters()
        weight.copy_(torch.eye(num_classes))
        bias.zero_()
    return classifier


# Ten messages, four of them spam (1): three of these are found, and one other is taken for spam.
ANSWERS = torch.tensor([1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
MESSAGES = Dataset(torch.nn.functional.one_hot(ANSWERS).float(), torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]))


def test_scores_and_costs_by_hand() -> None:
    classifier = made(
        scores=("precision", "recall", "f1", "mcc", "balanced_accuracy"),
        costs=((0.0, 10.0), (1.0, 0.0)),
        evaluation_batch=3,
    )
    judged = {name: float(value) for name, value in classifier.evaluate(MESSAGES).items()}
    assert judged == pytest.approx({
        "loss": math.log(1 + math.exp(-1)) + 2 / 10,  # log(1 + e^-1) where it is right, 1 more where it is wrong
        "accuracy": 0.8,
        "precision": 3 / 4,
        "recall": 3 / 4,
        "f1": 3 / 4,
        "mcc": 14 / 24,
        "balanced_accuracy": (3 / 4 + 5 / 6) / 2,
        "weighted_error": 11 / 10,
    })  # fmt: skip


def test_without_being_asked_it_judges_loss_and_accuracy_alone() -> None:
    assert set(made().evaluate(MESSAGES)) == {"loss", "accuracy"}
    assert set(made(scores=("f1",), costs=((0.0, 1.0), (1.0, 0.0))).update((MESSAGES.inputs, MESSAGES.labels))) == {
        "loss", "accuracy"
    }  # fmt: skip


def test_soft_labels_are_scored_by_their_likeliest_class() -> None:
    hard = made(scores=("mcc",)).evaluate(MESSAGES)["mcc"]
    soft = Dataset(MESSAGES.inputs, 0.8 * torch.nn.functional.one_hot(MESSAGES.labels).float() + 0.1)
    assert made(scores=("mcc",)).evaluate(soft)["mcc"] == hard


@pytest.mark.parametrize(("l1", "l2", "penalty"), [(0.1, 0.0, 0.2), (0.0, 0.1, 0.1), (0.1, 0.1, 0.3)])
def test_the_objective_is_loss_and_penalty(l1: float, l2: float, penalty: float) -> None:
    """The weights are two ones and two zeros: their sizes add up to 2, half their squares to 1."""
    judged = made(optimizer=OptimizerConfig(l1=l1, l2=l2)).evaluate(MESSAGES)
    assert float(judged["objective"]) == pytest.approx(float(judged["loss"]) + penalty)


def test_the_objective_is_of_the_weights_that_are_judged() -> None:
    """They are averaged over the updates, and the penalty is of the average."""
    optimizer = OptimizerConfig(kind="sgd", learning_rate=0.5, l2=0.1, average=0.999)
    classifier = made(optimizer=optimizer)
    for _ in range(20):
        classifier.update((MESSAGES.inputs, MESSAGES.labels))
    now = float(optimizer.penalty(classifier.network.parameters()).detach())
    with classifier.descent.averaged():
        averaged = float(optimizer.penalty(classifier.network.parameters()).detach())
    judged = classifier.evaluate(MESSAGES)
    assert float(judged["objective"] - judged["loss"]) == pytest.approx(averaged, rel=1e-4)
    assert averaged != pytest.approx(now, rel=1e-2)


def test_costs_that_do_not_fit_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="for 3 classes it holds 3 rows"):
        made(3, costs=((0.0, 1.0), (1.0, 0.0)))


def fitted(labels: list[int], test: list[int], num_classes: int = 3) -> Fit:
    training, judged = (Dataset(torch.rand(len(each), num_classes), torch.tensor(each)) for each in (labels, test))
    return Fit(made(num_classes), Batches(training, 2, Seeds(0)), {"test": judged})


@pytest.mark.parametrize(
    ("labels", "test", "message"),
    [
        ([0, 1, 2, 3], [0], r"Example 3 of the training part .* has the label 3, but there are 3 classes"),
        ([0, 1, -1, 2], [0], r"Example 2 of the training part .* has the label -1, but there are 3 classes"),
        ([0, 1, 2], [0, 7], r"Example 1 of the test part .* has the label 7, but there are 3 classes"),
        ([0, 2, 2], [0], r"No example of the training part \(3 examples\) has the label 1, but there are 3 classes"),
    ],
)
def test_bad_labels_are_refused_before_the_first_update(labels: list[int], test: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted(labels, test)


def test_the_part_that_is_judged_may_lack_a_class() -> None:
    trial = fitted([0, 1, 2, 2], [1, 1])
    trial.step()
    assert set(trial.evaluate()) == {"test_loss", "test_accuracy"}
