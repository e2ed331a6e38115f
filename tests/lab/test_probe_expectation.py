"""What a loss should begin with, and how `lab probe` comes by it and by the order of sequences."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.backbones import MLPConfig, Recurrent, RecurrentConfig, TransformerConfig
from lab.cli import main
from lab.data import Dataset
from lab.normalisation import Normalisation
from lab.optim import OptimizerConfig
from lab.probe import Case, Expectation, Report, probe
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig
from supervised.regressor import Regressor, RegressorConfig

LABELS = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def answer(report: Report, name: str) -> str:
    return next(str(check) for check in report.checks if check.name == name)


def classifier(penalty: float = 0.0, larger: float = 1.0) -> Classifier:
    """Of five classes; its head is `larger` times what it should be."""
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(32,)).build((4,))
    learner = Classifier(ClassifierConfig(optimizer=OptimizerConfig(l2=penalty)), backbone, 5, Seeds(0))
    with torch.no_grad():
        learner.network[-1].weight.mul_(larger)  # type: ignore[operator, union-attr]
    return learner


def regressor(scale: Normalisation, larger: float = 1.0) -> Regressor:
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(64,)).build((4,))
    learner = Regressor(RegressorConfig(), backbone, scale, Seeds(0))
    with torch.no_grad():
        learner.network[-1].weight.mul_(larger)  # type: ignore[operator, union-attr]
    return learner


def test_a_classifier_begins_at_the_log_of_its_classes() -> None:
    report = classifier().probe_case(Dataset(drawn(8, 4), LABELS)).probe(directions=1)
    assert report.passed, f"\n{report}"
    assert "expected 1.61 (log of 5 classes); 1.11 to 2.11 is near enough" in answer(report, "loss at the start")
    assert answer(report, "labels are in range") == (
        "ok    labels are in range: they go from 0 to 4, the loss is made for 0 to 4"
    )


def test_penalties_are_expected_too() -> None:
    learner = classifier(penalty=0.5)
    case = learner.probe_case(Dataset(drawn(8, 4), LABELS))
    squares = sum(float(p.detach().square().sum()) for p in learner.network.parameters() if p.ndim == 2)
    assert case.expected is not None
    assert case.expected.penalty == pytest.approx(0.25 * squares)
    start = answer(case.probe(directions=0, overfit_steps=1), "loss at the start")
    assert start.startswith("ok")
    assert (
        f"expected {math.log(5) + 0.25 * squares:.2f} (log of 5 classes and {0.25 * squares:.2g} of penalties)" in start
    )


def test_a_head_that_is_sure_from_the_start_fails() -> None:
    report = classifier(larger=30).probe_case(Dataset(drawn(8, 4), LABELS)).probe(directions=1)
    assert [check.name for check in report.checks if not check.passed] == ["loss at the start"]


def test_a_loss_that_knows_the_labels_fails() -> None:
    """Twice the right logit is added to each example's: the loss begins too low."""
    learner = classifier()

    def leaking(network: nn.Module, inputs: Tensor) -> Tensor:
        return F.cross_entropy(network(inputs) + 2 * F.one_hot(LABELS, 5), LABELS)

    case = Case(learner.network, drawn(8, 4), leaking, Expectation.of_classes(5, LABELS))
    assert answer(case.probe(directions=0, overfit_steps=1), "loss at the start").startswith("FAIL")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS + 1, "they go from 1 to 5, the loss is made for 0 to 4"),
        (LABELS - 1, "they go from -1 to 3, the loss is made for 0 to 4"),
        (100.0 * F.one_hot(LABELS, 5), "they go from 0 to 100, the loss is made for 0 to 1"),
    ],
)
def test_labels_outside_fail_and_end_the_probe(labels: Tensor, said: str) -> None:
    report = classifier().probe_case(Dataset(drawn(8, 4), labels)).probe()
    assert str(report.checks[-1]) == f"FAIL  labels are in range: {said}"
    assert len(report.checks) == 2


def test_soft_labels_are_probabilities() -> None:
    soft = 0.9 * F.one_hot(LABELS, 5) + 0.02
    report = classifier().probe_case(Dataset(drawn(8, 4), soft)).probe(directions=0, overfit_steps=1)
    assert answer(report, "labels are in range").startswith("ok")
    assert answer(report, "loss at the start").startswith("ok")


def test_a_regressor_begins_at_the_variance_of_its_labels() -> None:
    labels = 150 + 75 * drawn(64)
    data, scale = Dataset(drawn(16, 4), labels[:16]), Normalisation.fit(labels)
    report = regressor(scale).probe_case(data).probe(directions=1)
    assert report.passed, f"\n{report}"
    assert "expected 1.00 (variance of normalised labels)" in answer(report, "loss at the start")
    assert "labels are in range" not in str(report), "a number may be any"
    unscaled = Normalisation(torch.tensor(0.0), torch.tensor(1.0))
    for wrong in (regressor(scale, larger=30), regressor(unscaled)):
        assert answer(wrong.probe_case(data).probe(directions=0, overfit_steps=1), "loss at the start").startswith(
            "FAIL"
        )


def test_a_linear_regressor_is_given_what_it_can_learn_by_heart() -> None:
    """Of 16 examples with ten features and noise for labels it can fit no more than eleven."""
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=()).build((10,))
    learner = Regressor(RegressorConfig(), backbone, Normalisation(torch.tensor(0.0), torch.tensor(1.0)), Seeds(0))
    case = learner.probe_case(Dataset(drawn(16, 10), drawn(17)[1:]))
    assert len(case.inputs) == 5
    assert answer(case.probe(directions=0), "one batch is learnt by heart").startswith("ok")


def test_without_an_expectation_it_is_not_asked() -> None:
    learner = classifier(larger=30)
    report = probe(learner.network, drawn(8, 4), lambda network, inputs: F.cross_entropy(network(inputs), LABELS))
    assert "at the start" not in str(report)


class Forgetful(Recurrent):
    """Calls itself causal, but every step sees the last one."""

    def steps(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps = super().steps(inputs, lengths)
        return steps + steps[:, -1:]


@pytest.mark.parametrize(
    ("backbone", "kept"),
    [
        (lambda: RecurrentConfig(width=8).build((5, 4)), True),
        (lambda: Forgetful(RecurrentConfig(width=8), (5, 4)), False),
        (lambda: TransformerConfig(causal=True).build((5, 4)), True),
        (lambda: TransformerConfig(causal=False).build((5, 4)), None),
    ],
    ids=["recurrent", "not what it claims", "causal transformer", "looks ahead and says so"],
)
def test_order_is_asked_where_the_backbone_claims_it(backbone, kept: bool | None) -> None:
    with Seeds(0).initialising("backbone"):
        built = backbone()
    learner = Classifier(ClassifierConfig(), built, 5, Seeds(0))
    report = learner.probe_case(Dataset(drawn(8, 5, 4), LABELS)).probe(directions=0, overfit_steps=1)
    answers = {check.name: check.passed for check in report.checks}
    assert answers.get("order is kept") is kept


EXPERIMENT = '''
"""A recurrent network names sequences."""

from dataclasses import dataclass

import torch

from lab.backbones import RecurrentConfig
from lab.data import Batches, Dataset
from lab.fit import Fit
from lab.run import RunConfig
from supervised.classifier import Classifier, ClassifierConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    larger: float = 1.0  # than the head should be
    run: RunConfig = RunConfig(steps=10, log_every=5, evaluate_every=0, save_every=0)


def build(config, seeds):
    generator = torch.Generator().manual_seed(0)
    data = Dataset(torch.randn(20, 5, 4, generator=generator), torch.arange(20) % 3)
    with seeds.initialising("backbone"):
        backbone = RecurrentConfig(width=16).build((5, 4))
    learner = Classifier(ClassifierConfig(), backbone, 3, seeds)
    with torch.no_grad():
        learner.network[-1].weight.mul_(config.larger)
    return Fit(learner, Batches(data, 10, seeds.child("batches")), {})


TARGET, SMOKE = None, Config()
'''


def test_lab_probe_asks_all_of_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "name_sequences.py").write_text(EXPERIMENT)
    monkeypatch.setenv("LAB_EXPERIMENTS", str(tmp_path))
    assert main(["probe", "name_sequences"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "ok    outputs are finite, one an example",
        "ok    labels are in range",
        "ok    loss at the start",
        "ok    gradients reach every parameter",
        "ok    gradients are right",
        "ok    no example leaks into another",
        "ok    order is kept",
        "ok    one batch is learnt by heart",
    ]
    assert main(["probe", "name_sequences", "--seed", "3"]) == 0
    capsys.readouterr()
    assert main(["probe", "name_sequences", "--variant", "no"]) == 2
    assert "name_sequences has no variant 'no'" in capsys.readouterr().err
    assert main(["probe", "name_sequences", "--larger", "100"]) == 1
    assert "FAIL  loss at the start" in capsys.readouterr().out
