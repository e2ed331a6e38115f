"""Adversarial networks make up pieces of clothing (Fashion-MNIST): five kinds side by side, held to the same distances.

`eval/test_frechet` and its kin are of 10,000 made-up pictures against the 10,000 test images, by the 64 features of the
lab's own network (generative/features.py): not to be compared with Inception's, which `--evaluation.extractor FILE`
takes where you have them. A run's report gives beside them what real pictures and noise come to.

All arms have four to eight minutes of one core: as many updates of the discriminator where both networks convolve, six
times as many of the arm `mlp` and three times as many of the larger `peer`.

Rates of the three arms that convolve, and of no other, were searched by factors of two with seeds that are not among
those compared: at the published 2e-4, which is for longer runs, each stood at twice the distance or more. DCGAN is as
good at 3.2e-3 as here (two seeds; 6 % closer in the one run whose rate fell from there to 0), WGAN-GP worse at 4e-3,
spectral norms worse with a rate that falls. WGAN-GP's critic learns once for each time the generator does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from experiments.generative._first import first
from generative.baselines import baselines
from generative.decoders import DecoderConfig, DeconvolutionConfig
from generative.distances import NEAREST
from generative.features import FashionFeatures
from generative.gan import GAN, GANConfig
from generative.judge import Judge
from generative.scripted import ScriptedFeatures
from generative.sheets import interpolated, nearest, over_time, samples
from lab.backbones import BackboneConfig, ConvolutionConfig, MLPConfig
from lab.data import Batches, load
from lab.data.own_files import own_file, pin, pinned
from lab.experiment import Compared, Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.ranges import check_least
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Illustration, Passage

SHOWN = 36  # pictures made up
SHOWN_ALIKE = 12  # of them beside the training image that is most alike
WALKS = 4
PUBLISHED = GANConfig().generator_optimizer  # Radford et al. 2016, section 4
FAST = replace(PUBLISHED, learning_rate=1.6e-3)
WITHOUT_MOMENTUM = OptimizerConfig(learning_rate=1.6e-3, betas=(0.0, 0.9))  # Gulrajani et al. 2017, algorithm 1


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What made-up pictures are judged by: distances of which any of it differs cannot be compared."""

    judged: int = 10_000  # pictures made up
    real: int = 10_000  # test images that they are held against, the first
    extractor: str = own_file()  # a TorchScript network, such as Inception, to judge by; none: the lab's own features
    extractor_sha256: str = ""  # of that file, found by itself

    def __post_init__(self) -> None:
        """Raises ValueError if the network's file is not there."""
        pin(self, "extractor")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of gan_fashion, which all arms share but for what `variants` says."""

    networks: Literal["convolutional", "fully_connected", "peer"] = "convolutional"
    convolutional: ConvolutionConfig = ConvolutionConfig(
        channels=(32, 64), kernel_size=4, stride=2, batch_norm=(False, True), activation="leaky_relu_0.2"
    )  # the discriminator; without batch norm where a penalty or a norm takes its place
    deconvolutional: DeconvolutionConfig = DeconvolutionConfig(channels=(64, 32))  # the generator
    fully_connected: MLPConfig = MLPConfig(widths=(256, 256), activation="leaky_relu_0.2")  # both networks
    peer_critic: MLPConfig = MLPConfig(widths=(512, 256), activation="leaky_relu_0.2")
    peer_generator: MLPConfig = MLPConfig(
        widths=(128, 256, 512, 1024), activation="leaky_relu_0.2", batch_norm=(False, True, True, True)
    )
    gan: GANConfig = GANConfig(generator_optimizer=FAST, discriminator_optimizer=FAST)
    batch_size: int = 64  # pictures
    evaluation: EvaluationConfig = EvaluationConfig()
    run: RunConfig = RunConfig(steps=6_000, log_every=250, evaluate_every=2_000, save_every=1_000)

    def __post_init__(self) -> None:
        """Raises ValueError for batches of one picture, of which none can be said to be alike."""
        check_least(self, batch_size=2)


def variants(config: Config) -> dict[str, Config]:
    """DCGAN; fully connected; Wasserstein with gradient penalty; spectral norms with the hinge loss; a peer's.

    The peer is PyTorch-GAN's (github.com/eriklindernoren/PyTorch-GAN, implementations/wgan_gp/wgan_gp.py at commit
    e0a8f3c): its networks, noise, batches, Adam, five critic's updates for each of the generator's, penalty 10. Its
    tanh is a logistic here, as pictures lie in [0, 1], where slopes are twice as steep as in [-1, 1]; batch norm adds
    1e-5 to a variance, there 0.8 (which stands where its momentum was meant); and the generator learns by noise of its
    own, there by the critic's last.
    """
    published = _taught_by(PUBLISHED, config.gan)
    penalised = _taught_by(replace(WITHOUT_MOMENTUM, learning_rate=2e-3), config.gan)
    normalised = _taught_by(WITHOUT_MOMENTUM, config.gan)
    plain = replace(config.convolutional, batch_norm=False)
    return {
        "dcgan": config,
        "mlp": replace(config, networks="fully_connected", gan=published, run=_longer(config.run, 6)),
        "wgan-gp": replace(config, convolutional=plain, gan=replace(penalised, loss="wasserstein", penalty=10.0)),
        "spectral": replace(
            config, convolutional=plain, gan=replace(normalised, loss="hinge", spectral=True, gain=16.0)
        ),
        "peer": replace(
            config,
            networks="peer",
            gan=replace(published, size=100, discriminator_updates=5, loss="wasserstein", penalty=10.0),
            run=_longer(config.run, 3),
        ),
    }


def _taught_by(optimizer: OptimizerConfig, gan: GANConfig) -> GANConfig:
    """The same with that optimiser for both networks."""
    return replace(gan, generator_optimizer=optimizer, discriminator_optimizer=optimizer)


def _longer(run: RunConfig, times: int) -> RunConfig:
    """As many rows, judgements and checkpoints, in a budget of several times the steps."""
    periods = {name: times * getattr(run, name) for name in ("steps", "log_every", "evaluate_every", "save_every")}
    return replace(run, **periods)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a GAN x batches of the training images, judged against the test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    train, test = published.train, published.test
    assert test is not None
    judging = config.evaluation
    test = first(test, judging.real, "evaluation.real", least=NEAREST + 1)
    most = len(train) - len(test)
    if not NEAREST < judging.judged <= most:
        raise ValueError(
            f"evaluation.judged is {judging.judged:,}, but more than {NEAREST} are judged, and beside them as many "
            f"training images against {len(test):,} others, of {len(train):,}. Set it from {NEAREST + 1} to {most:,}."
        )
    device, shape = train.inputs.device, tuple(train.inputs.shape[1:])
    discriminator, generator = _networks(config)
    with seeds.initialising("backbone"):
        backbone = discriminator.build(shape)
    own = pinned(judging, "extractor")
    features = ScriptedFeatures(own, device) if own else FashionFeatures(device)
    judge = Judge(features, f"the first {len(test):,} test images of Fashion-MNIST")
    learner = GAN(config.gan, backbone, generator, seeds, device, judge=judge, judged=judging.judged)

    def show() -> dict[str, Illustration]:
        noise = torch.randn(SHOWN, config.gan.size, generator=seeds.generator("shown", device), device=device)
        made = learner.made(noise)
        shown: dict[str, Illustration] = {
            "samples": samples(made),
            "over_time": over_time(learner.progress()),
            "walks": interpolated(noise[: 2 * WALKS], learner.made),
            "nearest": nearest(made[:SHOWN_ALIKE], train.inputs),
        }
        if learner.judgement is None:  # shown by another process than the one that judged it
            learner.evaluate(test)
        beside = baselines(judge, train.inputs, test.inputs, judging.judged, seeds.generator("baselines", device))
        shown["distances"] = Passage("\n".join(map(str, (learner.judgement, *beside.values()))))
        return shown

    return Fit(learner, Batches(train, config.batch_size, seeds.child("batches")), {"test": test}, show=show)


def _networks(config: Config) -> tuple[BackboneConfig, DecoderConfig]:
    """The discriminator's and the generator's."""
    if config.networks == "convolutional":
        return config.convolutional, config.deconvolutional
    if config.networks == "peer":
        return config.peer_critic, config.peer_generator
    return config.fully_connected, config.fully_connected


TARGET = Target(
    metric="eval/test_frechet",
    arm="spectral",
    at_most=1.25,
    steps=6_000,
    statistic="mean",
    protocol="Frechet distance of 10,000 made-up pictures from the 10,000 test images of Fashion-MNIST, by the 64 "
    "features of the lab's own network; last weights after 6,000 updates of both networks",
    source="the lab's own DCGAN: nine tenths of its distance, 1.39, in as many updates of the same networks",
    needs="six minutes of one core a seed",
)
COMPARED = Compared(
    metrics=tuple(f"eval/test_{name}" for name in ("frechet", "kernel", "precision", "recall", "density", "coverage")),
    lower=("eval/test_frechet", "eval/test_kernel"),
    protocol="10,000 made-up pictures against the 10,000 test images of Fashion-MNIST, by the 64 features of the lab's "
    "own network; last weights",
)

SMOKE = Config(
    convolutional=ConvolutionConfig(
        channels=(2, 2), kernel_size=4, stride=2, batch_norm=(False, True), activation="leaky_relu_0.2"
    ),
    deconvolutional=DeconvolutionConfig(channels=(2, 2)),
    fully_connected=MLPConfig(widths=(8,)),
    peer_critic=MLPConfig(widths=(8,)),
    peer_generator=MLPConfig(widths=(8, 8), batch_norm=(False, True)),
    gan=GANConfig(size=4, evaluation_batch=50, first_kept=10),
    batch_size=8,
    evaluation=EvaluationConfig(judged=50, real=100),
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
