"""The classifier: hand-computed updates, what evaluation leaves alone, exact continuation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lab.backbones import Backbone, ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.data import Dataset
from lab.optim import OptimizerConfig
from lab.schedules import Schedule
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig


class Same(Backbone):
    """[B, F] -> [B, F]: the features are the inputs."""

    def __init__(self, features: int):
        super().__init__((features,), features)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


def linear(learning_rate: float = 0.5, label_smoothing: float = 0.0) -> Classifier:
    """Softmax regression on two features and two classes that starts from zero."""
    config = ClassifierConfig(
        optimizer=OptimizerConfig(kind="sgd", learning_rate=learning_rate), label_smoothing=label_smoothing
    )
    classifier = Classifier(config, Same(2), 2, Seeds(0))
    with torch.no_grad():
        for parameter in classifier.network.parameters():
            parameter.zero_()
    return classifier


def convolutional(seed: int = 0, average: float | None = None) -> Classifier:
    """With batch norm, dropout and a decaying learning rate: all that a state must hold."""
    optimizer = OptimizerConfig(learning_rate=1e-2, decay=Schedule(kind="cosine", steps=50), average=average)
    seeds = Seeds(seed)
    with seeds.initialising("backbone"):
        backbone = ConvolutionConfig(channels=(4, 4), batch_norm=True, dropout=(0.0, 0.3)).build((1, 8, 8))
    return Classifier(ClassifierConfig(optimizer=optimizer), backbone, 3, seeds)


def images(count: int = 24) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    return Dataset(torch.rand(count, 1, 8, 8, generator=generator), torch.randint(0, 3, (count,), generator=generator))


def test_one_update_by_hand() -> None:
    classifier = linear()
    inputs, labels = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 1])
    metrics = classifier.update((inputs, labels))
    # From zero both classes have probability 1/2: the loss is log 2, and argmax says 0, which is right once.
    assert float(metrics["loss"]) == pytest.approx(math.log(2))
    assert float(metrics["accuracy"]) == 0.5
    # Gradient of the mean loss by logit: (p - y) / 2 = +-1/4. By weight: sum over examples of that times input:
    # class 0: -1/4 (1, 2) + 1/4 (3, 0) = (1/2, -1/2); class 1 the negative. A step of 1/2 against it:
    _, head = classifier.network
    assert isinstance(head, nn.Linear)
    assert head.weight.tolist() == [[-0.25, 0.25], [0.25, -0.25]]
    assert head.bias.tolist() == [0.0, 0.0]
    # Logits of (1, 2) are now (1/4, -1/4).
    assert classifier.predict(torch.tensor([[1.0, 2.0]])).tolist() == [[0.25, -0.25]]


def test_evaluation_by_hand() -> None:
    classifier = linear()
    _, head = classifier.network
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight[0, 0] = 1.0
    data = Dataset(torch.tensor([[math.log(3.0), 0.0], [-math.log(4.0), 5.0], [0.0, 0.0]]), torch.tensor([0, 0, 1]))
    metrics = classifier.evaluate(data)
    # Odds of class 0: 3, 1/4 and 1; at equal logits argmax says class 0.
    assert float(metrics["loss"]) == pytest.approx((-math.log(3 / 4) - math.log(1 / 5) - math.log(1 / 2)) / 3)
    assert float(metrics["accuracy"]) == pytest.approx(1 / 3)


def test_label_smoothing_counts_in_learning_and_not_in_judging() -> None:
    smooth = linear(0.05, label_smoothing=0.5)
    data = Dataset(torch.tensor([[4.0, 0.0]]), torch.tensor([0]))
    for _ in range(200):
        smooth.update((data.inputs, data.labels))
    # Smoothing by 1/2 leaves 3/4 on the label, and the best prediction is that.
    assert float(smooth.predict(data.inputs).softmax(-1)[0, 0]) == pytest.approx(0.75, abs=1e-3)
    assert float(smooth.evaluate(data)["loss"]) == pytest.approx(-math.log(0.75), abs=1e-3)


@pytest.mark.parametrize("chunk", [1, 5, 24, 1_000])
def test_evaluation_does_not_depend_on_the_chunks(chunk: int) -> None:
    data = images()
    whole = convolutional().evaluate(data)
    classifier = convolutional()
    classifier.config = ClassifierConfig(evaluation_batch=chunk)
    chunked = classifier.evaluate(data)
    assert float(chunked["accuracy"]) == float(whole["accuracy"])
    assert float(chunked["loss"]) == pytest.approx(float(whole["loss"]), rel=1e-6)


@pytest.mark.parametrize("average", [None, 0.9])
def test_evaluating_changes_nothing(average: float | None) -> None:
    data = images()
    classifier = convolutional(average=average)
    classifier.update((data.inputs, data.labels))
    generator, before = torch.get_rng_state(), digest(classifier.state_dict())
    first = classifier.evaluate(data)
    assert classifier.network.training
    assert torch.equal(torch.get_rng_state(), generator)
    assert digest(classifier.state_dict()) == before
    assert classifier.evaluate(data) == first


@pytest.mark.parametrize("average", [None, 0.9])
def test_a_state_is_gone_on_from_bit_for_bit(average: float | None) -> None:
    data = images()
    straight, resumed = convolutional(0, average), convolutional(1, average)
    torch.manual_seed(0)
    for _ in range(3):
        straight.update((data.inputs, data.labels))
    resumed.load_state_dict(straight.state_dict())
    rng = torch.get_rng_state()
    for _ in range(3):
        straight.update((data.inputs, data.labels))
    torch.set_rng_state(rng)
    for _ in range(3):
        resumed.update((data.inputs, data.labels))
    assert digest(resumed.state_dict()) == digest(straight.state_dict())


def test_the_head_depends_on_the_seeds_alone() -> None:
    def built(seed: int) -> str:
        return digest(Classifier(ClassifierConfig(), Same(3), 4, Seeds(seed)).state_dict())

    torch.manual_seed(1)
    first = built(0)
    torch.manual_seed(2)
    assert built(0) == first
    assert built(1) != first


def test_it_learns_what_a_line_separates() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 2, generator=generator)
    data = Dataset(inputs, (inputs[:, 0] > inputs[:, 1]).long())
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(16,)).build((2,))
    classifier = Classifier(ClassifierConfig(optimizer=OptimizerConfig(learning_rate=0.05)), backbone, 2, Seeds(0))
    assert float(classifier.evaluate(data)["accuracy"]) < 0.9
    for _ in range(100):
        classifier.update((data.inputs, data.labels))
    assert float(classifier.evaluate(data)["accuracy"]) > 0.97


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"evaluation_batch": 0}, r"evaluation_batch is 0, but it is 1 or more\. Raise it"),
        ({"label_smoothing": 1.0}, r"label_smoothing is 1\.0, but it is a share\. Set it from 0 to below 1"),
        ({"label_smoothing": -0.1}, r"label_smoothing is -0\.1, but it is a share"),
    ],
)
def test_settings_out_of_their_range_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassifierConfig(**wrong)
