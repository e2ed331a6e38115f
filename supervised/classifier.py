"""A classifier on any backbone: softmax cross-entropy, as in Goodfellow et al. 2016, section 6.2.2.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lab.backbones import Backbone
from lab.data import Dataset
from lab.data.labels import check_classes, check_labels
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.precision import autocast_bfloat16, warn_if_imitated
from lab.probe import Case, Expectation
from lab.ranges import check_least, check_name, check_share
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.headed import Headed
from supervised.losses import correct, cross_entropy
from supervised.metrics import SCORES, Score, check_costs, weighted_error


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """How a classifier learns."""

    optimizer: OptimizerConfig = OptimizerConfig()
    label_smoothing: float = 0.0  # in [0, 1): the share of a label spread over all classes (Szegedy et al. 2016)
    evaluation_batch: int = 1_024  # examples at a time when judging
    scores: tuple[Score, ...] = ()  # judged besides loss and accuracy
    costs: tuple[tuple[float, ...], ...] = ()  # [K, K]: what it costs to answer j where i is right; none: not judged
    mirror: bool = False  # predict by the mean of the logits of an image and of its mirror image
    bfloat16: bool = False  # compute in bfloat16, with weights and loss in float32 (Micikevicius et al. 2018)

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, evaluation_batch=1)
        check_share(self, "label_smoothing", whole=False)
        for score in self.scores:
            check_name(score, SCORES, "scores")


class Classifier(OneNetwork):
    """Learns to name the class of each input [B, *backbone.input_shape]."""

    network: Headed
    updating: Updating
    mean_over_examples = True

    def __init__(
        self,
        config: ClassifierConfig,
        backbone: Backbone,
        num_classes: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        classes: Sequence[str] = (),
    ):
        """`classes` names them where something is wrong with one; by default their numbers do."""
        self.config, self.num_classes, self.classes = config, num_classes, tuple(classes)
        if config.costs:
            check_costs(config.costs, num_classes)
        if config.mirror and len(backbone.input_shape) != 3:
            raise ValueError(
                f"mirror is set, but the backbone takes inputs of shape {list(backbone.input_shape)}, which have no "
                "left and right. Give it images [C, H, W], or set mirror to False."
            )
        if config.bfloat16:
            warn_if_imitated(device)
        self.backbone = backbone
        self.network = Headed(backbone, num_classes, seeds, "classifier/head", device)
        device = torch.device(device)
        self.updating = self.descend_by(config.optimizer, self._update, device, shares(backbone))

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels [B])."""
        return self.updating(batch)

    def _update(self, inputs: Tensor, labels: Tensor) -> Metrics:
        logits = self._logits(inputs)
        loss = cross_entropy(logits, labels, self.config.label_smoothing).mean()
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), "accuracy": correct(logits.detach(), labels).mean(), **measured}

    def predict(self, inputs: Tensor) -> Tensor:
        """Logits [B, classes] with dropout off and batch norm at its running statistics."""
        with self.descent.judging(self.network):
            logits = self._logits(inputs)
            return (logits + self._logits(inputs.flip(-1))) / 2 if self.config.mirror else logits

    def _logits(self, inputs: Tensor) -> Tensor:
        return autocast_bfloat16(self.network, inputs) if self.config.bfloat16 else self.network(inputs)

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Mean loss and accuracy over a whole data set, and what else the config asks for.

        Where weights are penalised, also the objective: the loss and what is added to it when it is descended.
        """
        losses, hits, answers = [], [], []
        for inputs, labels in dataset.chunks(self.config.evaluation_batch):
            logits = self.predict(inputs)
            losses.append(cross_entropy(logits, labels))
            hits.append(correct(logits, labels))
            answers.append(logits.argmax(-1))
        loss, optimizer = torch.cat(losses).mean(), self.config.optimizer
        metrics: Metrics = {"loss": loss, "accuracy": torch.cat(hits).mean()}
        if optimizer.l1 or optimizer.l2:
            with self.descent.judging(self.network):
                metrics["objective"] = loss + optimizer.penalty(self.network.parameters())
        return metrics | self._scored(torch.cat(answers), dataset.labels)

    def _scored(self, answers: Tensor, labels: Tensor) -> Metrics:
        labels = labels if labels.ndim == 1 else labels.argmax(-1)  # of soft ones the likeliest
        metrics: Metrics = {name: SCORES[name](answers, labels, self.num_classes) for name in self.config.scores}
        if self.config.costs:
            metrics["weighted_error"] = weighted_error(
                answers, labels, torch.tensor(self.config.costs).to(labels.device)
            )
        return metrics

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming part, example and class, where labels do not fit or training lacks a class."""
        check_classes(training.labels, self.num_classes, "training", self.classes)
        for name, dataset in evaluation.items():
            check_labels(dataset.labels, self.num_classes, name)

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with the loss that it descends, penalties included; labels unsmoothed, so that it can reach 0."""
        labels, penalty = dataset.labels, self.config.optimizer.penalty

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            return cross_entropy(network(inputs), labels).mean() + penalty(network.parameters())

        first_penalty = float(penalty(self.network.parameters()).detach())
        expected = Expectation.of_classes(self.num_classes, labels, first_penalty)
        return Case.of_network(self.network, dataset.inputs, loss, expected)
