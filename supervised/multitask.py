"""Many yes-or-no questions about each input, answered by one network on any backbone; labels may be missing.

Hard parameter sharing: all tasks share the backbone, and each has a row of the head. Source: Caruana 1997, "Multitask
learning", Machine Learning 28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lab.backbones import Backbone
from lab.data import Dataset
from lab.one_network import OneNetwork
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least, check_name
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.headed import Headed
from supervised.losses import binary_cross_entropy, correct_answers, mean_of_present
from supervised.metrics import SCORES, Score


@dataclass(frozen=True, kw_only=True)
class MultiTaskConfig:
    """How a multi-task classifier learns."""

    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation_batch: int = 1_024  # examples at a time when judging
    scores: tuple[Score, ...] = field(default=(), metadata={"later": True})  # judged besides loss and accuracy

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, evaluation_batch=1)
        for score in self.scores:
            check_name(score, SCORES, "scores")


class MultiTaskClassifier(OneNetwork):
    """Learns to answer T questions, the tasks, about each input [B, *backbone.input_shape].

    Labels [N, T] are 1.0 for yes, 0.0 for no, NaN where missing. Every label that is present weighs the same, so a task
    with more labels weighs more. A batch without any label has loss 0 and gradient 0.
    """

    network: Headed

    def __init__(
        self,
        config: MultiTaskConfig,
        backbone: Backbone,
        tasks: Sequence[str],
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        """`tasks` names the columns of the labels. Raises ValueError if there are none, or two of one name."""
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(
                f"tasks is {tuple(tasks)}, but each column of the labels needs a name of its own. Give one name a "
                "column, and at least one."
            )
        self.config, self.tasks = config, tuple(tasks)
        self.backbone = backbone
        self.network = Headed(backbone, len(tasks), seeds, "multitask/head", device)
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels [B, T]); `labelled` is the share of labels that were there."""
        inputs, labels = batch
        if not self.network.training:
            self.network.train()
        loss = mean_of_present(binary_cross_entropy(self.network(inputs), labels), labels)
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), "labelled": (~labels.isnan()).float().mean(), **measured}

    def predict(self, inputs: Tensor) -> Tensor:
        """Logits [B, T], above 0 for yes, with dropout off and batch norm at its running statistics."""
        with self.descent.judging(self.network):
            return self.network(inputs)

    def evaluate(self, dataset: Dataset) -> Metrics:
        """The mean loss and each task's accuracy over the labels that are present, and the mean over those tasks; so
        with what other scores the config asks for, of which yes is the positive class.

        A task without a label in the data set has no accuracy, so it is left out of the metrics and of their mean;
        without any label there are no metrics at all.
        """
        labels = dataset.labels
        logits = torch.cat([self.predict(inputs) for inputs, _ in dataset.chunks(self.config.evaluation_batch)])
        right = correct_answers(logits, labels)  # [N, T]
        judged = (~labels.isnan()).any(0).tolist()
        of_task = {task: column.nanmean() for task, column, any_label in zip(self.tasks, right.T, judged) if any_label}
        if not of_task:
            return {}
        metrics: Metrics = {
            "loss": mean_of_present(binary_cross_entropy(logits, labels), labels),
            "accuracy": torch.stack(list(of_task.values())).mean(),
            **{f"accuracy_{task}": accuracy for task, accuracy in of_task.items()},
        }
        return metrics | (self._scored(logits, labels, judged) if self.config.scores else {})

    def _scored(self, logits: Tensor, labels: Tensor, judged: list[bool]) -> Metrics:
        answered = {}  # of each task what was said and what is right, where a label is present
        for task, said, column, any_label in zip(self.tasks, (logits > 0).long().T, labels.T, judged):
            if any_label:
                present = ~column.isnan()
                answered[task] = said[present], (column[present] > 0.5).long()
        metrics: Metrics = {}
        for name in self.config.scores:
            scores = {task: SCORES[name](said, wanted, 2) for task, (said, wanted) in answered.items()}
            metrics[name] = sum(scores.values()) / len(scores)
            metrics |= {f"{name}_{task}": score for task, score in scores.items()}
        return metrics

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming part and task, for labels that are no answers, or a task without any to learn."""
        for part, dataset in {"training": training, **evaluation}.items():
            check_answers(dataset.labels, self.tasks, part)
        for task, labelled in zip(self.tasks, (~training.labels.isnan()).any(0).tolist()):
            if not labelled:
                raise ValueError(
                    f"No example of the training part ({len(training)} examples) has a label of the task {task!r}, so "
                    "it cannot be learnt. Keep some of its labels, or leave the task out."
                )

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with the loss that it descends, penalties included."""
        labels, penalty = dataset.labels, self.config.optimizer.penalty
        if labels.isnan().all():
            raise ValueError(
                f"None of the {len(dataset)} examples that the probe takes has a label, so there is no loss to look "
                "at. Put examples with labels first, or drop fewer of them."
            )

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            losses = binary_cross_entropy(network(inputs), labels)
            return mean_of_present(losses, labels) + penalty(network.parameters())

        first_penalty = float(penalty(self.network.parameters()).detach())
        expected = Expectation.of_classes(2, labels, first_penalty, "log 2 of a yes-or-no answer")
        return Case.of_network(self.network, dataset.inputs, loss, expected)


def check_answers(labels: Tensor, tasks: Sequence[str], part: str) -> None:
    """Raises ValueError, naming the part of the data, for labels that are not [N, T] of 1, 0 and NaN."""
    if labels.ndim != 2 or labels.shape[1] != len(tasks) or not labels.is_floating_point():
        raise ValueError(
            f"The labels of the {part} part have shape {list(labels.shape)} and type {labels.dtype}, but there are "
            f"{len(tasks)} tasks ({', '.join(tasks)}). Give floating-point labels [N, {len(tasks)}], a column for each."
        )
    wrong = ~((labels == 0) | (labels == 1) | labels.isnan())
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"Example {row} of the {part} part (counted from 0) has the label {float(labels[row, column]):g} for the "
            f"task {tasks[column]!r} ({int(wrong.sum())} labels are like it), but an answer is 1 for yes, 0 for no, or "
            "NaN where it is missing. Write the labels so."
        )
