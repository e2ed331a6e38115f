"""Generative adversarial networks: one network makes up pictures, another learns to tell them from real ones.

Sources: Goodfellow et al. 2014; Radford et al. 2016 (DCGAN); Gulrajani et al. 2017 (WGAN-GP); Miyato et al. 2018
(spectral normalisation). See `generative.gan_losses` for titles and sections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, prod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from generative.balance import Balance
from generative.checks import check_inputs, within_0_and_1
from generative.decoders import Decoder, DecoderConfig, DeconvolutionConfig
from generative.distances import SampleMetrics
from generative.gan_losses import (
    apart,
    gradient_penalty,
    hinge,
    log_fooled,
    log_real_and_fake,
    minus_mean,
)
from generative.judge import Judge
from lab.backbones import Backbone, memory_format
from lab.data import Dataset
from lab.optim import Descent, OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.transfer import shares
from lab.trial import Metrics, State

Loss = Literal["log", "hinge", "wasserstein"]
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "log": (log_real_and_fake, log_fooled),
    "hinge": (hinge, minus_mean),
    "wasserstein": (apart, minus_mean),
}
WATCHED = 12  # pictures of the same noise that are kept as training goes on


@dataclass(frozen=True, kw_only=True)
class GANConfig:
    """How the two networks learn from each other."""

    loss: Loss = "log"
    penalty: float = 0.0  # weight of the gradient penalty, 10 in Gulrajani et al. 2017
    spectral: bool = False  # the discriminator's weights are divided by their spectral norms
    gain: float = 1.0  # multiplies the discriminator's answers, which spectral norms keep small
    size: int = 64  # numbers that a picture is made of
    discriminator_updates: int = 1  # for each one of the generator
    generator_optimizer: OptimizerConfig = OptimizerConfig(learning_rate=2e-4, betas=(0.5, 0.999))
    discriminator_optimizer: OptimizerConfig = OptimizerConfig(learning_rate=2e-4, betas=(0.5, 0.999))
    evaluation_batch: int = 250  # pictures at a time then
    first_kept: int = 125  # updates after which pictures of the same noise are kept first; again each time they double

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, size=1, discriminator_updates=1, evaluation_batch=1, first_kept=1)
        if not 0 < self.gain < inf:
            raise ValueError(f"gain is {self.gain}, with which answers say nothing or the opposite. Set it above 0.")
        if not 0 <= self.penalty < inf:
            raise ValueError(f"penalty is {self.penalty}: below 0 it would reward steep slopes. Set it to 0 or more.")
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}. There are: {', '.join(LOSSES)}.")
        if self.loss == "wasserstein" and not self.penalty and not self.spectral:
            raise ValueError(
                "loss is 'wasserstein', but nothing bounds how steep the critic may be, and with it the loss has no "
                "least value. Set penalty to 10, or spectral."
            )


class Discriminator(nn.Module):
    """Pictures [B, C, H, W] in [0, 1] -> answers [B], higher for what is taken to be real.

    Of layers whose spectral norms are 1, answers to real and to made-up pictures lie so close together that the hinge
    never bends, and a few pictures that are easy to tell count as much as those that are hard. A gain gives the loss
    its shape back. Source: Lin et al. 2021, "Why spectral normalization stabilizes GANs", where each layer has one.
    """

    def __init__(self, backbone: Backbone, spectral: bool, gain: float):
        super().__init__()
        self.backbone, self.gain = backbone, gain
        self.head = nn.Linear(backbone.out_features, 1)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d | nn.Linear):
                    spectral_norm(module)
        self.memory_format = memory_format(self)
        self.to(memory_format=self.memory_format)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        scaled = (2 * pictures - 1).contiguous(memory_format=self.memory_format)
        return self.gain * self.head(self.backbone(scaled)).squeeze(-1)


class Generator(nn.Module):
    """Noise [B, size] -> pictures [B, C, H, W] in [0, 1]."""

    def __init__(self, decoder: DecoderConfig, size: int, shape: tuple[int, ...]):
        super().__init__()
        self.decoder = Decoder(decoder, size, shape)
        if isinstance(decoder, DeconvolutionConfig):
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, noise: Tensor) -> Tensor:
        return self.decoder(noise).sigmoid()


class GAN:
    """A generator and a discriminator. An update teaches the discriminator, and at times the generator after it.

    All noise is a function of seeds and updates.
    """

    def __init__(
        self,
        config: GANConfig,
        backbone: Backbone,
        generator: DecoderConfig,
        seeds: Seeds,
        device: torch.device | str = "cpu",
        *,
        judge: Judge | None = None,
        judged: int = 10_000,
    ):
        """`backbone` is the discriminator's, built for pictures. So many pictures are made up when it is `judged`;
        without a judge only their spread is told. Raises ValueError for none, and for a gradient penalty beside batch
        norm, by which the slope at one picture depends on the others (Gulrajani et al. 2017, section 4).
        """
        if judged < 1:
            raise ValueError(f"judged is {judged}, but there is at least one. Raise it.")
        if config.penalty and any(isinstance(module, _BatchNorm) for module in backbone.modules()):
            raise ValueError(
                f"penalty is {config.penalty}, but the discriminator has batch norm, with which a picture's slope "
                "depends on the others of its batch. Leave batch norm out of it, or set penalty to 0."
            )
        self.config, self.seeds, self.judge, self.judged = config, seeds, judge, judged
        self.device = torch.device(device)
        with seeds.initialising("generator"):
            self.generator = Generator(generator, config.size, backbone.input_shape).to(device)
        with seeds.initialising("discriminator"):
            self.discriminator = Discriminator(backbone, config.spectral, config.gain).to(device)
        self.generator_descent = Descent(self.generator.parameters(), config.generator_optimizer)
        self.discriminator_descent = Descent(
            self.discriminator.parameters(), config.discriminator_optimizer, shares=shares(backbone)
        )
        self.updates = 0  # of the discriminator
        self._draws = torch.Generator(self.device)
        self._of_discriminator, self._of_generator = LOSSES[config.loss]
        self.judgement: SampleMetrics | None = None  # the last one, with all that it depends on
        signed = config.loss != "wasserstein"  # a critic's answers may lie anywhere
        self.balance = Balance(signed=signed, pixels=prod(backbone.input_shape))
        watched = seeds.generator("watched", self.device)
        self.watched = torch.randn(WATCHED, config.size, generator=watched, device=self.device)
        self.kept: dict[int, Tensor] = {}  # by the number of updates, pictures [WATCHED, C, H, W] uint8 of that noise

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One update of the discriminator on (pictures [B, C, H, W], labels, which are not looked at); at its turn,
        one of the generator.
        """
        real = batch[0]
        self._draws.manual_seed(self.seeds.derive(f"update/{self.updates}"))
        self.generator.train()
        self.discriminator.train()
        metrics = self._teach_discriminator(real)
        self.updates += 1
        if self.updates % self.config.discriminator_updates == 0:
            metrics |= self._teach_generator(len(real))
        doublings, rest = divmod(self.updates, self.config.first_kept)
        if not rest and doublings & (doublings - 1) == 0:  # a power of two
            self.kept[self.updates] = (255 * self.made(self.watched)).byte().contiguous()
        return metrics

    def _teach_discriminator(self, real: Tensor) -> Metrics:
        with torch.no_grad():
            made = self.generator(self._noise(len(real)))
        answers, to_made = self.discriminator(real), self.discriminator(made)
        loss = self._of_discriminator(answers, to_made)
        metrics = self._standing(answers, to_made, real, made)
        metrics["discriminator_loss"] = loss.detach()
        if self.config.penalty:
            share = torch.rand(len(real), generator=self._draws, device=self.device)
            penalty = gradient_penalty(self.discriminator, real, made, share)
            loss = loss + self.config.penalty * penalty
            metrics["penalty"] = penalty.detach()
        return metrics | _named("discriminator", self.discriminator_descent.descend(loss, "discriminator_loss"))

    @torch.no_grad()
    def _standing(self, answers: Tensor, to_made: Tensor, real: Tensor, made: Tensor) -> Metrics:
        """How the two stand, to be logged and watched. None of it waits for the device."""
        right = ((answers > 0).float().mean() + (to_made < 0).float().mean()) / 2
        gap, alike = answers.mean() - to_made.mean(), relative_spread(made, real)
        self.balance.observe(self.updates + 1, right, gap, alike)
        standing: Metrics = {"gap": gap, "spread": alike}
        return standing | ({"discriminator_right": right} if self.balance.signed else {})

    def _teach_generator(self, count: int) -> Metrics:
        with self._discriminator_still():
            loss = self._of_generator(self.discriminator(self.generator(self._noise(count))))
            told = self.generator_descent.descend(loss, "generator_loss")
        return {"generator_loss": loss.detach()} | _named("generator", told)

    @contextmanager
    def _discriminator_still(self) -> Iterator[None]:
        """Inside, what the discriminator would learn is not computed."""
        for parameter in self.discriminator_descent.parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self.discriminator_descent.parameters:
                parameter.requires_grad_(True)

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.config.size, generator=self._draws, device=self.device)

    def made(self, noise: Tensor) -> Tensor:
        """Pictures [N, C, H, W] of noise [N, size], batch norm at its running statistics."""
        with self.generator_descent.judging(self.generator):
            return torch.cat([self.generator(part) for part in noise.split(self.config.evaluation_batch)])

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Made-up pictures [count, C, H, W]; the generator of noise lies on the model's device."""
        return self.made(torch.randn(count, self.config.size, generator=generator, device=self.device))

    def progress(self) -> dict[int, Tensor]:
        """Pictures [WATCHED, C, H, W] of the same noise, by the number of updates after which they were made."""
        earlier = {updates: pictures / 255 for updates, pictures in self.kept.items()}
        return earlier | {self.updates: self.made(self.watched)}

    def evaluate(self, dataset: Dataset) -> Metrics:
        """How far made-up pictures are from the data set's, by features; and how far apart they are from each other, as
        a share of how far real ones are. Warns when they have come to be nearly all alike, or to be a few repeated.
        """
        made = self.sample(self.judged, self.seeds.generator("judging", self.device))
        metrics: Metrics = {"spread": float(relative_spread(made, dataset.inputs))}
        self.balance.judged(float(metrics["spread"]))
        if self.judge is not None:
            self.judgement = self.judge(dataset.inputs, made, "the generator in eval mode")
            self.balance.compared(self.judgement)
            for each in ("frechet", "kernel", "precision", "recall", "density", "coverage"):
                metrics[each] = getattr(self.judgement, each)
        return metrics

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming the part and the picture, for pixels outside [0, 1]."""
        wrong = "has pixels outside 0 to 1, which the generator could never make. Scale them to that range."
        check_inputs({"training": training, **evaluation}, within_0_and_1, wrong)

    def probe_case(self, dataset: Dataset) -> Case:
        """The discriminator, to answer every other picture as if it were made up."""
        labels = (torch.arange(len(dataset), device=dataset.inputs.device) % 2).float()

        def loss(network: nn.Module, pictures: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits(network(pictures), labels.to(pictures.dtype))

        return Case(self.discriminator, dataset.inputs, loss, Expectation.of_classes(2, labels))

    def state_dict(self) -> State:
        """Both networks, both optimisers, the count of updates, and the pictures that were kept on the way."""
        return {
            "generator": dict(self.generator.state_dict()),
            "discriminator": dict(self.discriminator.state_dict()),
            "generator_descent": self.generator_descent.state_dict(),
            "discriminator_descent": self.discriminator_descent.state_dict(),
            "updates": self.updates,
            "kept": {str(updates): pictures for updates, pictures in self.kept.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Goes on exactly from a state."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator_descent.load_state_dict(state["generator_descent"])
        self.discriminator_descent.load_state_dict(state["discriminator_descent"])
        self.updates, self.judgement = state["updates"], None
        self.kept = {int(updates): pictures.to(self.device) for updates, pictures in state["kept"].items()}


def spread(pictures: Tensor) -> Tensor:
    """The root of the mean squared distance of pictures [N, ...] from their mean: a scalar."""
    return (pictures - pictures.mean(0)).flatten(1).square().sum(1).mean().sqrt()


def relative_spread(made: Tensor, real: Tensor) -> Tensor:
    """How far made-up pictures are apart, as a share of how far real ones are: a number also where these are alike."""
    return spread(made) / spread(real).clamp_min(1e-6)


def _named(network: str, told: Metrics) -> Metrics:
    return {f"{network}_{name}": value for name, value in told.items()}
