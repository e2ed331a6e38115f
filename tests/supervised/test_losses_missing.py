"""Losses and scores of yes-or-no questions whose labels may be missing: by hand, and against scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import Tensor

from supervised.losses import binary_cross_entropy, correct_answers, mean_of_present

NAN = math.nan
LOGITS = torch.tensor([[math.log(3.0), 0.0], [math.log(4.0), -math.log(9.0)]], dtype=torch.float64)  # 3/4 1/2, 4/5 1/10
LABELS = torch.tensor([[1.0, NAN], [0.0, 1.0]])


def test_binary_cross_entropy_by_hand() -> None:
    expected = [-math.log(3 / 4), 0.0, -math.log(1 / 5), -math.log(1 / 10)]
    assert binary_cross_entropy(LOGITS, LABELS).flatten().tolist() == pytest.approx(expected)
    assert float(mean_of_present(binary_cross_entropy(LOGITS, LABELS), LABELS)) == pytest.approx(sum(expected) / 3)


def test_the_gradient_by_hand() -> None:
    """By logit it is (probability - label) / 3 labels, and nothing where the label is missing."""
    logits = LOGITS.clone().requires_grad_()
    mean_of_present(binary_cross_entropy(logits, LABELS), LABELS).backward()
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == pytest.approx([-1 / 12, 0.0, 4 / 15, -0.9 / 3])


@pytest.mark.parametrize("wild", [NAN, math.inf, -math.inf, 1e30])
def test_what_lies_where_a_label_is_missing_never_matters(wild: float) -> None:
    logits = LOGITS.clone()
    logits[0, 1] = wild
    logits.requires_grad_()
    loss = mean_of_present(binary_cross_entropy(logits, LABELS), LABELS)
    loss.backward()
    assert logits.grad is not None
    assert float(loss.detach()) == float(mean_of_present(binary_cross_entropy(LOGITS, LABELS), LABELS))
    assert float(logits.grad[0, 1]) == 0.0
    assert bool(logits.grad.isfinite().all())


@pytest.mark.parametrize("shape", [(3, 2), (0, 2)])
def test_without_any_label_the_loss_and_its_gradient_are_zero(shape: tuple[int, int]) -> None:
    logits = torch.ones(shape, requires_grad=True)
    labels = torch.full(shape, NAN)
    loss = mean_of_present(binary_cross_entropy(logits, labels), labels)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert logits.grad.tolist() == torch.zeros(shape).tolist()


def test_extreme_logits_have_finite_losses() -> None:
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    losses = binary_cross_entropy(logits, torch.tensor([[0.0, 0.0]]))
    losses.sum().backward()
    assert losses.tolist() == [[1e4, 0.0]]
    assert logits.grad is not None
    assert logits.grad.tolist() == [[1.0, 0.0]]


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Logits and complete labels of 3 tasks, and which of the labels are there: of the last task none."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    labels = (torch.rand(50, 3, generator=generator) < 0.5).float()
    present = torch.rand(50, 3, generator=generator) < 0.4
    present[:, 2] = False
    return logits, labels, present


def test_the_mean_is_scikit_learns_log_loss_of_what_is_present() -> None:
    logits, labels, present = drawn()
    missing = labels.masked_fill(~present, NAN)
    found = mean_of_present(binary_cross_entropy(logits, missing), missing)
    assert float(found) == pytest.approx(log_loss(labels[present], logits[present].sigmoid()), rel=1e-12)


def test_accuracies_are_scikit_learns_and_a_task_without_labels_has_none() -> None:
    logits, labels, present = drawn()
    found = correct_answers(logits, labels.masked_fill(~present, NAN)).nanmean(0)
    for task in (0, 1):
        of_task = present[:, task]
        expected = accuracy_score(labels[of_task, task], logits[of_task, task] > 0)
        assert float(found[task]) == pytest.approx(expected, rel=1e-6)
    assert math.isnan(found[2])


def test_correct_answers_by_hand() -> None:
    found = correct_answers(LOGITS, LABELS)
    assert found[0, 0] == 1.0
    assert math.isnan(found[0, 1])
    assert found[1].tolist() == [0.0, 0.0]
    assert correct_answers(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]])).tolist() == [[1.0, 0.0]], "even odds say no"


@pytest.mark.parametrize("function", [binary_cross_entropy, correct_answers])
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.ones(2), r"shape \[2\] and type torch.float32, but the logits have shape \[2, 2\]"),
        (torch.ones(2, 1), r"shape \[2, 1\].*floating-point labels \[N, T\], one column a task"),
        (torch.ones(2, 2, dtype=torch.int64), r"type torch.int64.*1.0, 0.0, or NaN where it is missing"),
    ],
)
def test_labels_of_another_shape_or_type_are_refused(function, labels: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        function(LOGITS, labels)
