"""The regressor: against closed-form least squares, with numbers worked out by hand."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from experiments.supervised import linear_diabetes, mlp_diabetes
from lab.backbones import MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset, diabetes, split
from lab.data.splits import SMALL
from lab.normalisation import Normalisation
from lab.optim import OptimizerConfig
from lab.probe import probe
from lab.seeding import Seeds
from supervised.losses import squared_error
from supervised.regressor import Regressor, RegressorConfig


def least_squares(training: Dataset) -> Tensor:
    """The coefficients [F + 1], the last one the intercept, in double precision."""
    return torch.linalg.lstsq(with_one(training), training.labels.double()[:, None], driver="gelsd").solution[:, 0]


def with_one(dataset: Dataset) -> Tensor:
    return torch.cat([dataset.inputs.double(), torch.ones(len(dataset), 1, dtype=torch.float64)], 1)


def error_of(coefficients: Tensor, dataset: Dataset) -> float:
    return float((with_one(dataset) @ coefficients - dataset.labels).square().mean())


def made(widths: tuple[int, ...] = (), scale: Normalisation | None = None) -> Regressor:
    config = RegressorConfig(optimizer=OptimizerConfig(kind="sgd", learning_rate=0.1))
    backbone = MLPConfig(widths=widths).build((2,))
    return Regressor(config, backbone, scale or Normalisation(torch.tensor(0.0), torch.tensor(1.0)), Seeds(0))


def example() -> Dataset:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 2, generator=draw)
    labels = 3 * inputs[:, 0] - inputs[:, 1] + 5 + 0.1 * torch.randn(40, generator=draw)
    return Dataset(inputs, labels)


def test_squared_error_by_hand() -> None:
    assert squared_error(torch.tensor([1.0, -2.0]), torch.tensor([4.0, -2.5])).tolist() == [9.0, 0.25]


def test_one_step_by_hand() -> None:
    """From w = 0, b = 0 the gradients of (0 - 2)^2 at x = (1, 3) are -4, -12 and -4; the rate is 0.1."""
    regressor = made()
    with torch.no_grad():
        for parameter in regressor.network.parameters():
            parameter.zero_()
    loss = regressor.update((torch.tensor([[1.0, 3.0]]), torch.tensor([2.0])))["loss"]
    weight, bias = regressor.network.parameters()
    assert float(loss) == 4.0
    assert weight[0].tolist() == pytest.approx([0.4, 1.2])
    assert bias.tolist() == pytest.approx([0.4])


def test_gradient_descent_arrives_at_least_squares() -> None:
    data = example()
    regressor = made(scale=Normalisation.fit(data.labels))
    for _ in range(600):
        regressor.update((data.inputs, data.labels))
    coefficients = least_squares(data)
    expected = (with_one(data) @ coefficients).float()
    torch.testing.assert_close(regressor.predict(data.inputs), expected, rtol=1e-5, atol=1e-5)


def test_scores_by_hand() -> None:
    """Predictions 1, 1, 1 of 0, 2, 4: squares 1, 1, 9; around the mean of 2 they are 4, 0, 4."""
    regressor = made()
    with torch.no_grad():
        for parameter in regressor.network.parameters():
            parameter.zero_()
        next(reversed(list(regressor.network.parameters()))).fill_(1.0)
    scores = regressor.evaluate(Dataset(torch.zeros(3, 2), torch.tensor([0.0, 2.0, 4.0])))
    assert float(scores["mse"]) == pytest.approx(11 / 3)
    assert float(scores["r2"]) == pytest.approx(1 - 11 / 8)


def test_resumes_exactly_and_judging_changes_nothing() -> None:
    data, straight, resumed = example(), made((8,)), made((8,))
    for _ in range(5):
        straight.update((data.inputs, data.labels))
    state = deepcopy(straight.state_dict())
    straight.evaluate(data)
    resumed.load_state_dict(state)
    for regressor in (straight, resumed):
        for _ in range(5):
            regressor.update((data.inputs, data.labels))
    assert digest(straight.state_dict()) == digest(resumed.state_dict())


def test_passes_the_probe() -> None:
    case = made((8,), Normalisation.fit(example().labels)).probe_case(example().subset(torch.arange(16)))
    assert (report := probe(case.module, case.inputs, case.loss)).passed, str(report)


def test_the_closed_form_is_what_the_experiments_are_held_to() -> None:
    training, _, test = split(diabetes(), SMALL, seed=0)
    coefficients = least_squares(training)
    assert pytest.approx(error_of(coefficients, training), rel=1e-10) == linear_diabetes.LEAST_SQUARES
    assert pytest.approx(error_of(coefficients, test), rel=1e-10) == mlp_diabetes.LEAST_SQUARES
    assert linear_diabetes.TARGET.at_most == pytest.approx(linear_diabetes.LEAST_SQUARES * (1 + 1e-6), rel=1e-12)


def test_an_empty_batch_of_judging_is_refused() -> None:
    with pytest.raises(ValueError, match=r"evaluation_batch is 0, but it is 1 or more"):
        RegressorConfig(evaluation_batch=0)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            torch.zeros(4, 1),
            r"The labels of the dev part are \[4, 1\] of torch.float32, .* one floating number an example",
        ),
        (torch.zeros(4, dtype=torch.int64), "torch.int64"),
        (torch.tensor([0.0, 1.0, float("nan"), 1.0]), "Example 2 of the dev part .* has the label nan"),
    ],
)
def test_labels_that_are_not_one_number_an_example_are_refused(labels: Tensor, said: str) -> None:
    learner = made()
    inputs = example().inputs[:4]
    with pytest.raises(ValueError, match=said):
        learner.check(example(), {"dev": Dataset(inputs, labels)})
    if labels.ndim == 2:
        with pytest.raises(ValueError, match="each would be held to every label"):
            learner.update((inputs, labels))
