"""A classifier on any backbone: softmax cross-entropy, as in Goodfellow et al. 2016, section 6.2.2.3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lab.backbones import Backbone, memory_format
from lab.data import Dataset
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics, State
from supervised.losses import correct, cross_entropy


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """How a classifier learns."""

    optimizer: OptimizerConfig = OptimizerConfig()
    label_smoothing: float = 0.0  # in [0, 1): the share of a label spread over all classes (Szegedy et al. 2016)
    evaluation_batch: int = 1_024  # examples at a time when judging


class Classifier:
    """Learns to name the class of each input [B, *backbone.input_shape]."""

    def __init__(
        self,
        config: ClassifierConfig,
        backbone: Backbone,
        num_classes: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        self.config = config
        with seeds.initialising("classifier/head"):
            head = nn.Linear(backbone.out_features, num_classes)
        self.backbone, self.memory_format = backbone, memory_format(backbone)
        self.network = nn.Sequential(backbone, head).to(device).to(memory_format=self.memory_format)  # type: ignore[call-overload]
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels [B])."""
        inputs, labels = batch
        if not self.network.training:  # walking through all modules costs a small network half its overhead
            self.network.train()
        logits = self._logits(inputs)
        loss = cross_entropy(logits, labels, self.config.label_smoothing).mean()
        measured = self.descent.descend(loss)
        return {"loss": loss.detach(), "accuracy": correct(logits.detach(), labels).mean(), **measured}

    def predict(self, inputs: Tensor) -> Tensor:
        """Logits [B, classes] with dropout off and batch norm at its running statistics."""
        with self.descent.judging(self.network):
            return self._logits(inputs)

    def _logits(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=self.memory_format)
        return self.network(inputs)

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Mean loss and accuracy over a whole data set."""
        losses, hits = [], []
        for inputs, labels in dataset.chunks(self.config.evaluation_batch):
            logits = self.predict(inputs)
            losses.append(cross_entropy(logits, labels))
            hits.append(correct(logits, labels))
        return {"loss": torch.cat(losses).mean(), "accuracy": torch.cat(hits).mean()}

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with the loss that it descends, penalties included; labels unsmoothed, so that it can reach 0."""
        labels = dataset.labels

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            return cross_entropy(network(inputs), labels).mean() + self.config.optimizer.penalty(network.parameters())

        return Case(self.network, dataset.inputs, loss)

    def state_dict(self) -> State:
        """Weights, running statistics, optimiser."""
        return {"network": dict(self.network.state_dict()), "descent": self.descent.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.network.load_state_dict(state["network"])
        self.descent.load_state_dict(state["descent"])
