"""The multi-task classifier: updates by hand, missing labels, what evaluation leaves alone, exact continuation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from lab.backbones import Backbone, ConvolutionConfig, MLPConfig
from lab.checkpoint import digest
from lab.data import Batches, Dataset
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.metrics import Score
from supervised.multitask import MultiTaskClassifier, MultiTaskConfig

NAN = math.nan
TASKS = ("first", "second", "third")


class Same(Backbone):
    """[B, F] -> [B, F]: the features are the inputs."""

    def __init__(self, features: int):
        super().__init__((features,), features)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


def linear(tasks: tuple[str, ...] = ("first", "second"), scores: tuple[Score, ...] = ()) -> MultiTaskClassifier:
    """Logistic regressions on two features that start from zero, with a learning rate of 1/2."""
    config = MultiTaskConfig(optimizer=OptimizerConfig(kind="sgd", learning_rate=0.5), scores=scores)
    learner = MultiTaskClassifier(config, Same(2), tasks, Seeds(0))
    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.zero_()
    return learner


def head(learner: MultiTaskClassifier) -> nn.Linear:
    found = learner.network[-1]
    assert isinstance(found, nn.Linear)
    return found


def convolutional(seed: int = 0) -> MultiTaskClassifier:
    """With batch norm, dropout, averaged weights and a decaying learning rate: all that a state must hold."""
    optimizer = OptimizerConfig(learning_rate=1e-2, decay=cosine(1.0, 0.0, 50), average=0.9)
    seeds = Seeds(seed)
    with seeds.initialising("backbone"):
        backbone = ConvolutionConfig(channels=(4, 4), batch_norm=True, dropout=(0.0, 0.3)).build((1, 8, 8))
    return MultiTaskClassifier(MultiTaskConfig(optimizer=optimizer), backbone, TASKS, seeds)


def images(count: int = 24, missing: float = 0.5) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(count, 3, generator=generator) < 0.5).float()
    labels[torch.rand(count, 3, generator=generator) < missing] = NAN
    return Dataset(torch.rand(count, 1, 8, 8, generator=generator), labels)


def test_one_update_by_hand() -> None:
    learner = linear()
    inputs, labels = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[1.0, NAN], [0.0, 0.0]])
    metrics = learner.update((inputs, labels))
    # From zero each answer has probability 1/2, and three of four labels are there: the loss is 3 log 2 / 3.
    assert float(metrics["loss"]) == pytest.approx(math.log(2))
    assert float(metrics["labelled"]) == 0.75
    # By logit (p - y) / 3: -1/6 and 1/6 for the first task, 1/6 for the second. By weight that times the input:
    # first: -1/6 (1, 2) + 1/6 (3, 0) = (1/3, -1/3), bias 0; second: 1/6 (3, 0), bias 1/6. A step of 1/2 against it:
    assert head(learner).weight[0].tolist() == pytest.approx([-1 / 6, 1 / 6])
    assert head(learner).weight[1].tolist() == pytest.approx([-1 / 4, 0.0])
    assert head(learner).bias.tolist() == pytest.approx([0.0, -1 / 12])


def test_a_task_without_a_label_in_the_batch_learns_nothing_from_it() -> None:
    learner = linear()
    learner.update((torch.tensor([[1.0, 2.0]]), torch.tensor([[NAN, 1.0]])))
    assert head(learner).weight[0].tolist() == [0.0, 0.0]
    assert head(learner).weight[1].tolist() == pytest.approx([0.25, 0.5])


def test_a_batch_without_any_label_changes_nothing() -> None:
    learner = linear()
    before = digest(learner.network.state_dict())
    metrics = learner.update((torch.ones(3, 2), torch.full((3, 2), NAN)))
    assert (float(metrics["loss"]), float(metrics["labelled"])) == (0.0, 0.0)
    assert digest(learner.network.state_dict()) == before


def test_scores_by_hand() -> None:
    learner = linear(TASKS)
    with torch.no_grad():
        head(learner).weight[0, 0] = head(learner).weight[1, 1] = 1.0
    inputs = torch.tensor([[math.log(3.0), -1.0], [-math.log(4.0), 1.0]])
    metrics = learner.evaluate(Dataset(inputs, torch.tensor([[1.0, NAN, NAN], [1.0, 1.0, NAN]])))
    # The first task says yes with probability 3/4, then 1/5; the second with 1 / (1 + 1/e) where it is asked.
    assert float(metrics["loss"]) == pytest.approx((-math.log(3 / 4) - math.log(1 / 5) + math.log1p(1 / math.e)) / 3)
    assert float(metrics["accuracy_first"]) == 0.5
    assert float(metrics["accuracy_second"]) == 1.0
    assert float(metrics["accuracy"]) == 0.75, "the mean of the tasks, though one has more labels"
    assert "accuracy_third" not in metrics, "a task without a label has no accuracy"
    assert learner.evaluate(Dataset(inputs, torch.full((2, 3), NAN))) == {}


def test_further_scores_pass_over_missing_labels() -> None:
    learner = linear(TASKS, scores=("precision", "recall"))
    with torch.no_grad():
        head(learner).weight[0, 0] = head(learner).weight[1, 1] = 1.0
    inputs = torch.tensor([[1.0, 1.0], [2.0, -1.0], [3.0, 1.0], [-1.0, 1.0]])
    labels = torch.tensor([[1.0, NAN, NAN], [0.0, 1.0, NAN], [NAN, 1.0, NAN], [1.0, NAN, NAN]])
    metrics = learner.evaluate(Dataset(inputs, labels))
    # Known of the first: yes, yes and no where 1, 0 and 1 are right; of the second no and yes where both are 1.
    assert (metrics["precision_first"], metrics["recall_first"]) == (0.5, 0.5)
    assert (metrics["precision_second"], metrics["recall_second"]) == (1.0, 0.5)
    assert (metrics["precision"], metrics["recall"]) == (0.75, 0.5)
    assert "precision_third" not in metrics


@pytest.mark.parametrize("chunk", [1, 5, 1_000])
def test_evaluation_does_not_depend_on_the_chunks(chunk: int) -> None:
    """With one example at a time most chunks lack a task, and some every label."""
    data = images(missing=0.8)
    whole, learner = convolutional().evaluate(data), convolutional()
    learner.config = MultiTaskConfig(evaluation_batch=chunk)
    assert {k: float(v) for k, v in learner.evaluate(data).items()} == pytest.approx(
        {k: float(v) for k, v in whole.items()}, rel=1e-6
    )


def test_evaluating_changes_nothing() -> None:
    data, learner = images(), convolutional()
    learner.update((data.inputs, data.labels))
    generator, before = torch.get_rng_state(), digest(learner.state_dict())
    first = learner.evaluate(data)
    assert learner.network.training
    assert torch.equal(torch.get_rng_state(), generator)
    assert digest(learner.state_dict()) == before
    assert learner.evaluate(data) == first


def test_a_state_is_gone_on_from_bit_for_bit() -> None:
    data, straight, resumed = images(), convolutional(0), convolutional(1)
    torch.manual_seed(0)
    for _ in range(3):
        straight.update((data.inputs, data.labels))
    resumed.load_state_dict(straight.state_dict())
    generator = torch.get_rng_state()
    for learner in (straight, resumed):
        torch.set_rng_state(generator)
        for _ in range(3):
            learner.update((data.inputs, data.labels))
    assert digest(resumed.state_dict()) == digest(straight.state_dict())


def test_it_learns_every_task_from_a_fifth_of_the_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(1_000, 2, generator=generator)
    labels = torch.stack([inputs[:, 0] > 0, inputs[:, 1] > 0, inputs.sum(1) > 0], 1).float()
    partly = labels.masked_fill(torch.rand(labels.shape, generator=generator) < 0.8, NAN)
    with Seeds(0).initialising("backbone"):
        backbone = MLPConfig(widths=(16,)).build((2,))
    learner = MultiTaskClassifier(
        MultiTaskConfig(optimizer=OptimizerConfig(learning_rate=0.05)), backbone, TASKS, Seeds(0)
    )
    for _ in range(100):
        learner.update((inputs, partly))
    assert (
        min(float(value) for name, value in learner.evaluate(Dataset(inputs, labels)).items() if "acc" in name) > 0.95
    )


def test_it_passes_the_probe_which_expects_log_two() -> None:
    report = convolutional().probe_case(images(12)).probe(directions=1)
    assert report.passed, f"\n{report}"
    start = next(check for check in report.checks if check.name == "loss at the start")
    assert "expected 0.69 (log 2 of a yes-or-no answer)" in start.detail


def test_answers_coded_otherwise_fail_the_probe() -> None:
    """-1 for no: at the start the loss is log 2 as it should be, but it has no least value."""
    data = images(12)
    report = convolutional().probe_case(Dataset(data.inputs, 2 * data.labels - 1)).probe()
    assert not report.passed
    assert str(report.checks[-1]) == "FAIL  labels are in range: they go from -1 to 1, the loss is made for 0 to 1"


def fit(training: Tensor, test: Tensor | None = None) -> Fit:
    data, learner = images(), convolutional()
    evaluation = {} if test is None else {"test": Dataset(data.inputs[: len(test)], test)}
    return Fit(learner, Batches(Dataset(data.inputs, training), 4, Seeds(0)), evaluation)


def test_labels_that_are_no_answers_are_refused_before_training() -> None:
    labels = images().labels
    assert fit(labels, labels).step()["loss"] > 0
    with pytest.raises(ValueError, match=r"Example 2 of the test part .* label 3 for the task 'second' \(1 labels"):
        fit(labels, torch.tensor([[0.0, NAN, 1.0], [0.0, 1.0, 1.0], [0.0, 3.0, 1.0]]))
    with pytest.raises(ValueError, match=r"training part have shape \[24, 2\].*3 tasks \(first, second, third\)"):
        fit(labels[:, :2])
    with pytest.raises(ValueError, match=r"type torch.int64.*floating-point labels \[N, 3\]"):
        fit(torch.zeros(24, 3, dtype=torch.int64))
    labels[:, 1] = NAN
    with pytest.raises(ValueError, match=r"No example of the training part .* of the task 'second', so it cannot be"):
        fit(labels)


def test_bad_tasks_and_examples_without_labels_are_refused() -> None:
    for tasks in ((), ("first", "first")):
        with pytest.raises(ValueError, match=r"each column of the labels needs a name of its own"):
            MultiTaskClassifier(MultiTaskConfig(), Same(2), tasks, Seeds(0))
    with pytest.raises(ValueError, match=r"None of the 3 examples that the probe takes has a label"):
        linear().probe_case(Dataset(torch.ones(3, 2), torch.full((3, 2), NAN)))


def test_an_empty_batch_of_judging_is_refused() -> None:
    with pytest.raises(ValueError, match=r"evaluation_batch is 0, but it is 1 or more"):
        MultiTaskConfig(evaluation_batch=0)
