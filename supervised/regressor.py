"""A regressor on any backbone: one number for each input, by least squares (Goodfellow et al. 2016, section 5.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lab.backbones import Backbone
from lab.data import Dataset
from lab.normalisation import Normalisation
from lab.one_network import OneNetwork
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics
from supervised.headed import Headed
from supervised.losses import squared_error


@dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """How a regressor learns."""

    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation_batch: int = 1_024  # examples at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, evaluation_batch=1)


class Regressor(OneNetwork):
    """Learns a number for each input [B, *backbone.input_shape]; without hidden layers it is linear regression.

    The network learns labels that `scale` brings to mean 0 and deviation 1; what is predicted and judged is in the
    labels' own units.
    """

    network: Headed
    mean_over_examples = True

    def __init__(
        self,
        config: RegressorConfig,
        backbone: Backbone,
        scale: Normalisation,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        """`scale` is fitted on the training labels [N]."""
        self.config, self.scale = config, scale.to(device)
        self.backbone = backbone
        self.network = Headed(backbone, 1, seeds, "regressor/head", device)
        self.descent = Descent(self.network.parameters(), config.optimizer, shares=shares(backbone))

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels [B] of floats)."""
        inputs, labels = batch
        if not self.network.training:
            self.network.train()
        loss = squared_error(self.network(inputs).squeeze(-1), self.scale(labels)).mean()
        return {"loss": loss.detach(), **self.descent.descend(loss)}

    def predict(self, inputs: Tensor) -> Tensor:
        """Numbers [B] in the labels' units, with dropout off."""
        with self.descent.judging(self.network):
            return self.scale.inverse(self.network(inputs).squeeze(-1))

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Mean squared error, and R^2: the share of the labels' variance in the data set that is explained."""
        predicted = torch.cat([self.predict(inputs) for inputs, _ in dataset.chunks(self.config.evaluation_batch)])
        # In double precision, as sums of squares lose digits.
        errors = squared_error(predicted.double(), dataset.labels.double())
        return {"mse": errors.mean(), "r2": 1 - errors.mean() / dataset.labels.double().var(correction=0)}

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming the part, for labels that are not one finite number an example."""
        for part, dataset in {"training": training, **evaluation}.items():
            labels = dataset.labels
            if labels.ndim != 1 or not labels.is_floating_point():
                raise ValueError(
                    f"The labels of the {part} part are {list(labels.shape)} of {labels.dtype}, but a regressor learns "
                    "one floating number an example: [N]. Squeeze or convert them."
                )
            if not bool(labels.isfinite().all()):
                example = int((~labels.isfinite()).nonzero()[0])
                raise ValueError(
                    f"Example {example} of the {part} part (counted from 0) has the label {float(labels[example])}, "
                    "which nothing can be near to. Leave it out."
                )

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with the loss that it descends, penalties included, on as many examples as it can learn by heart.

        A linear model fits no more examples than it has features, and gradient descent finds that slowly; half as many
        are easy.
        """
        dataset = dataset.subset(torch.arange(min(len(dataset), max(2, self.backbone.out_features // 2))))
        labels, penalty = self.scale(dataset.labels), self.config.optimizer.penalty

        def loss(network: nn.Module, inputs: Tensor) -> Tensor:
            errors = squared_error(network(inputs).squeeze(-1), labels.to(inputs.dtype))
            return errors.mean() + penalty(network.parameters())

        expected = Expectation.of_normalised(float(penalty(self.network.parameters()).detach()))
        return Case.of_network(self.network, dataset.inputs, loss, expected)
