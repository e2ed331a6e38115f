"""An autoencoder: a code of few numbers from which the input can be told again, on any backbone.

Sources: Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"; Vincent et al. 2008,
"Extracting and composing robust features with denoising autoencoders", section 2.3, for corrupted inputs; Baldi and
Hornik 1989, "Neural networks and principal component analysis", for what a linear one learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generative.checks import check_inputs
from generative.decoders import Decoder, DecoderConfig
from generative.retrieval import precision_at
from lab import parallel
from lab.backbones import Backbone
from lab.data import Dataset
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.probe import Case
from lab.ranges import check_least, check_share
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics

NEAREST = 10  # codes of the library, of which the share of the same class is judged


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """How an autoencoder learns."""

    optimizer: OptimizerConfig = OptimizerConfig()
    size: int = 32  # numbers of a code
    corruption: float = 0.0  # in [0, 1): share of each input that is set to 0 before it is coded
    evaluation_batch: int = 1_000  # examples at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, size=1, evaluation_batch=1)
        check_share(self, "corruption", whole=False)


class Coder(nn.Module):
    """Inputs [B, ...] -> their reconstructions [B, ...], by way of a code [B, size]."""

    def __init__(self, backbone: Backbone, size: int, decoder: DecoderConfig):
        super().__init__()
        self.backbone = backbone
        self.to_code = nn.Linear(backbone.out_features, size)
        self.decoder = Decoder(decoder, size, backbone.input_shape)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.to_code(self.backbone(inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.decoder(self.encode(inputs))


class Autoencoder(OneNetwork):
    """Learns to give back its inputs [B, *backbone.input_shape], by least squares.

    With `corruption` it is given inputs of which a part was set to 0, and has to give back the whole.
    """

    network: Coder
    updating: Updating
    mean_over_examples = True

    def __init__(
        self,
        config: AutoencoderConfig,
        backbone: Backbone,
        decoder: DecoderConfig,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        principal: Tensor | None = None,
        library: Dataset | None = None,
    ):
        """`principal` [K, D] are orthonormal directions whose span a linear decoder's is measured against; in the
        `library` the nearest codes are looked for when it is judged. Raises ValueError for one of fewer than NEAREST.
        """
        if library is not None and len(library) < NEAREST:
            raise ValueError(
                f"The library has {len(library)} examples, but the {NEAREST} nearest are looked for in it. Give more, "
                "or none."
            )
        self.config, self.backbone, self.seeds = config, backbone, seeds
        with seeds.initialising("autoencoder"):
            self.network = Coder(backbone, config.size, decoder).to(device)
        self.principal, self.library = principal, library
        device = torch.device(device)
        self.updating = self.descend_by(config.optimizer, self._update, device, shares(backbone))
        self._generator = torch.Generator(device)

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels, which are not looked at)."""
        inputs = batch[0]
        return self.updating((inputs, self.corrupted(inputs)))

    def corrupted(self, inputs: Tensor) -> Tensor:
        """The inputs as the next update is given them; what is set to 0 is a function of seeds and updates."""
        if not self.config.corruption:
            return inputs
        self._generator.manual_seed(self.seeds.derive(f"corruption/{self.descent.updates}"))
        whole = (len(inputs) * parallel.size(), *inputs.shape[1:])  # the batch of which the inputs are this one's share
        kept = torch.rand(whole, generator=self._generator, device=inputs.device) >= self.config.corruption
        return inputs * parallel.share(kept)

    def _update(self, inputs: Tensor, given: Tensor) -> Metrics:
        loss = (self.network(given) - inputs).square().mean()
        return {"loss": loss.detach(), **self.descent.descend(loss)}

    def codes(self, inputs: Tensor) -> Tensor:
        """[N, ...] -> [N, size], with dropout off."""
        with self.descent.judging(self.network):
            return torch.cat([self.network.encode(part) for part in inputs.split(self.config.evaluation_batch)])

    def predict(self, inputs: Tensor) -> Tensor:
        """Reconstructions of inputs [N, ...]."""
        with self.descent.judging(self.network):
            return torch.cat([self.network(part) for part in inputs.split(self.config.evaluation_batch)])

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Mean squared error of a number of the input; with `principal` how far the spans are apart, from 0 to 1; with
        a library the share of the ten nearest codes there that are of the same class.
        """
        errors = (self.predict(dataset.inputs).double() - dataset.inputs).square()
        metrics: Metrics = {"error": errors.mean()}
        if self.principal is not None:
            metrics["distance"] = span_distance(self._written(), self.principal.to(dataset.inputs.device))
        if (library := self.library) is not None:
            asked, near = self.codes(dataset.inputs), self.codes(library.inputs)
            metrics["precision"] = precision_at(NEAREST, asked, dataset.labels, near, library.labels)
        return metrics

    def _written(self) -> Tensor:
        """What a linear decoder makes of each number of the code alone: [size, D]."""
        with self.descent.judging(self.network):
            one = torch.eye(self.config.size, device=self._generator.device)
            return (self.network.decoder(one) - self.network.decoder(torch.zeros_like(one))).flatten(1)

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming the part and the example, for inputs that are not finite."""
        wrong = "holds numbers that are not finite, which nothing can give back. Leave the example out, or mend it."
        check_inputs({"training": training, **evaluation}, torch.isfinite, wrong)

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with its loss on inputs as they are."""
        inputs = dataset.inputs

        def loss(network: nn.Module, given: Tensor) -> Tensor:
            return (network(given) - inputs.to(given.dtype)).square().mean()

        return Case(self.network, inputs, loss)


def span_distance(rows: Tensor, principal: Tensor) -> Tensor:
    """The sine of the largest angle between the spans of rows [K, D] and orthonormal principal [K, D]."""
    basis = torch.linalg.qr(rows.double().T).Q  # [D, K]
    principal = principal.double()
    # The part of the one that the other does not reach: exact where the cosine would round to 1.
    beyond = basis - principal.T @ (principal @ basis)
    return torch.linalg.matrix_norm(beyond, 2)
