"""A variational autoencoder of binary inputs: codes are drawn, and new examples are made of codes drawn from nothing.

Sources: Kingma and Welling 2014, "Auto-encoding variational Bayes", https://arxiv.org/abs/1312.6114, with its appendix
B for the divergence in closed form; Burda et al. 2016, "Importance weighted autoencoders",
https://arxiv.org/abs/1509.00519, section 2, for the likelihood by importance sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generative.checks import check_inputs, within_0_and_1, zero_or_one
from generative.decoders import Decoder, DecoderConfig
from lab import parallel
from lab.backbones import Backbone
from lab.data import Dataset
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.probe import Case
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """How a variational autoencoder learns and is judged."""

    optimizer: OptimizerConfig = OptimizerConfig()
    size: int = 20  # numbers of a code
    evaluation_batch: int = 20_000  # codes at a time when judging, and at least those of one example

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, size=1, evaluation_batch=1)


class Variational(nn.Module):
    """Inputs [B, ...] -> mean and log variance [B, size] of their codes; and codes [B, size] -> logits [B, ...]."""

    def __init__(self, backbone: Backbone, size: int, decoder: DecoderConfig):
        super().__init__()
        self.backbone = backbone
        self.to_code = nn.Linear(backbone.out_features, 2 * size)
        self.decoder = Decoder(decoder, size, backbone.input_shape)

    def encode(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.to_code(self.backbone(inputs)).chunk(2, -1)
        return mean, log_variance

    def forward(self, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the inputs by codes drawn with standard normal noise [B, size], and the codes' moments."""
        mean, log_variance = self.encode(inputs)
        return self.decoder(mean + (log_variance / 2).exp() * noise), mean, log_variance


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Of a diagonal normal from the standard one, in nats: [..., size] -> [...]."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1) / 2


def log_bernoulli(inputs: Tensor, logits: Tensor) -> Tensor:
    """The log probability of inputs [B, ...] in [0, 1], in nats: [B]."""
    return -F.binary_cross_entropy_with_logits(logits, inputs, reduction="none").flatten(1).sum(1)


class VAE(OneNetwork):
    """Learns to raise a bound of the likelihood of inputs [B, *backbone.input_shape] in {0, 1}."""

    network: Variational
    updating: Updating
    mean_over_examples = True

    def __init__(
        self,
        config: VAEConfig,
        backbone: Backbone,
        decoder: DecoderConfig,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        importance_samples: int = 200,
    ):
        """The likelihood of an example is judged by so many codes. Raises ValueError for fewer than one."""
        if importance_samples < 1:
            raise ValueError(f"importance_samples is {importance_samples}, but there is at least one. Raise it.")
        self.config, self.backbone, self.seeds, self.device = config, backbone, seeds, torch.device(device)
        self.importance_samples = importance_samples
        with seeds.initialising("vae"):
            self.network = Variational(backbone, config.size, decoder).to(device)
        self.updating = self.descend_by(config.optimizer, self._update, device, shares(backbone))
        self._generator = torch.Generator(self.device)

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (inputs [B, ...], labels, which are not looked at)."""
        inputs = batch[0]
        self._generator.manual_seed(self.seeds.derive(f"noise/{self.descent.updates}"))
        noise = self._noise(len(inputs) * parallel.size())  # of the whole batch, whatever part of it is here
        return self.updating((inputs, parallel.share(noise)))

    def _update(self, inputs: Tensor, noise: Tensor) -> Metrics:
        told, apart = self._bound(inputs, noise)
        loss = (apart - told).mean()
        return {"loss": loss.detach(), "divergence": apart.detach().mean(), **self.descent.descend(loss)}

    def _bound(self, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two parts of the evidence lower bound of each example, [B] and [B]: log likelihood and divergence."""
        logits, mean, log_variance = self.network(inputs, noise)
        return log_bernoulli(inputs, logits), divergence(mean, log_variance)

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(*shape, self.config.size, generator=self._generator, device=self.device)

    def evaluate(self, dataset: Dataset) -> Metrics:
        """Nats an example: `nelbo`, the negative evidence lower bound by one draw, its `divergence`, and `nll`, minus
        the log likelihood by importance sampling, which on average is no lower than the true one.

        The draws are the same each time; they are dealt out by `evaluation_batch`.
        """
        self._generator.manual_seed(self.seeds.derive("judging"))
        bounds, divergences, likelihoods = [], [], []
        with self.descent.judging(self.network):
            for inputs in dataset.inputs.split(max(1, self.config.evaluation_batch // self.importance_samples)):
                told, apart = self._bound(inputs, self._noise(len(inputs)))
                bounds.append(apart - told)
                divergences.append(apart)
                likelihoods.append(self._log_likelihood(inputs))
        return {
            "nelbo": torch.cat(bounds).mean(),
            "divergence": torch.cat(divergences).mean(),
            "nll": -torch.cat(likelihoods).mean(),
        }

    def _log_likelihood(self, inputs: Tensor) -> Tensor:
        """Of each example, log p(x) = log of the mean over K codes of p(x | z) p(z) / q(z | x): [B]."""
        count = self.importance_samples
        mean, log_variance = (each[:, None] for each in self.network.encode(inputs))
        noise = self._noise(len(inputs), count)
        codes = mean + (log_variance / 2).exp() * noise
        logits = self.network.decoder(codes.flatten(0, 1)).unflatten(0, codes.shape[:2])
        told = log_bernoulli(inputs.repeat_interleave(count, 0), logits.flatten(0, 1)).unflatten(0, codes.shape[:2])
        # The constants of the two normal densities cancel out.
        weight = (noise.square() + log_variance - codes.square()).sum(-1) / 2
        return (told + weight).logsumexp(1) - math.log(count)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Probabilities [count, ...] of made-up examples; the generator lies on the model's device."""
        return self.decoded(torch.randn(count, self.config.size, generator=generator, device=self.device))

    def decoded(self, codes: Tensor) -> Tensor:
        """Codes [N, size] -> probabilities [N, ...]."""
        with self.descent.judging(self.network):
            return self.network.decoder(codes).sigmoid()

    def codes(self, inputs: Tensor) -> Tensor:
        """The means of the codes of inputs [N, ...]: [N, size]."""
        with self.descent.judging(self.network):
            return self.network.encode(inputs)[0]

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming the part and the example, for inputs that are no bits; those of the training set
        may be the bits' probabilities, by which batches may draw them.
        """
        wrong = "holds numbers outside 0 to 1, but they are bits or their probabilities. Scale pixels to that range."
        check_inputs({"training": training}, within_0_and_1, wrong)
        wrong = (
            "holds numbers other than 0 and 1, of which nothing here is a likelihood. Draw their bits once, as "
            "lab.data.binary does."
        )
        check_inputs(evaluation, zero_or_one, wrong)

    def probe_case(self, dataset: Dataset) -> Case:
        """The network without noise, to learn its inputs by heart, at no cost for the codes."""
        inputs = dataset.inputs

        def told(network: nn.Module, given: Tensor) -> Tensor:
            noise = torch.zeros(len(given), self.config.size, dtype=given.dtype, device=given.device)
            return network(given, noise)[0]

        def loss(network: nn.Module, given: Tensor) -> Tensor:
            return -log_bernoulli(inputs.to(given.dtype), told(network, given)).mean() / inputs[0].numel()

        return Case(self.network, inputs, loss, outputs=told)
