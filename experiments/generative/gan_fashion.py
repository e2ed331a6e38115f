"""Adversarial networks make up pieces of clothing (Fashion-MNIST): four kinds side by side, held to the same distances.

`eval/test_frechet` and its kin are of 10,000 made-up pictures against the 10,000 test images, by the 64 features of the
lab's own network (generative/features.py): not to be compared with Inception's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from generative.decoders import DecoderConfig, DeconvolutionConfig
from generative.features import FashionFeatures
from generative.gan import GAN, GANConfig
from generative.sheets import interpolated, nearest, samples
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.data import Batches, load
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.trial import Illustration, Passage

SHOWN = 36  # pictures made up
COMPARED = 12  # of them beside the training image that is most alike
WALKS = 4


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of gan_fashion, which all arms share but for what `variants` says."""

    convolutions: bool = True  # off: both networks are fully connected
    convolutional: ConvolutionConfig = ConvolutionConfig(
        channels=(32, 64), kernel_size=4, stride=2, batch_norm=(False, True), activation="leaky_relu"
    )  # the discriminator; without batch norm where a penalty or a norm takes its place
    deconvolutional: DeconvolutionConfig = DeconvolutionConfig(channels=(64, 32))  # the generator
    fully_connected: MLPConfig = MLPConfig(
        widths=(256, 256), activation="leaky_relu"
    )  # both networks without convolutions
    gan: GANConfig = GANConfig()
    batch_size: int = 64  # pictures
    real: int = 10_000  # test images that made-up pictures are held against
    run: RunConfig = RunConfig(steps=20_000, log_every=500, evaluate_every=5_000, save_every=2_500)


def variants(config: Config) -> dict[str, Config]:
    """Fully connected; DCGAN; Wasserstein with gradient penalty; spectral norms with the hinge loss."""
    slow = OptimizerConfig(learning_rate=2e-4, betas=(0.0, 0.9))
    critic = replace(config.gan, generator_optimizer=slow, discriminator_optimizer=slow)
    plain = replace(config.convolutional, batch_norm=False)
    return {
        "dcgan": config,
        "mlp": replace(config, convolutions=False),
        "wgan-gp": replace(
            config, convolutional=plain, gan=replace(critic, loss="wasserstein", penalty=10.0, discriminator_updates=3)
        ),
        "spectral": replace(config, convolutional=plain, gan=replace(critic, loss="hinge", spectral=True)),
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a GAN x batches of the training images, judged against the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    train, test = published.train, published.test
    assert test is not None
    test = test.subset(torch.arange(config.real, device=test.inputs.device))
    device, shape = train.inputs.device, tuple(train.inputs.shape[1:])
    generator: DecoderConfig = config.deconvolutional if config.convolutions else config.fully_connected
    with seeds.initialising("backbone"):
        backbone = (config.convolutional if config.convolutions else config.fully_connected).build(shape)
    learner = GAN(
        config.gan, backbone, generator, seeds, device, features=FashionFeatures(device),
        split=f"the {len(test):,} test images of Fashion-MNIST",
    )  # fmt: skip

    def show() -> dict[str, Illustration]:
        noise = torch.randn(
            SHOWN, config.gan.size, generator=torch.Generator(device).manual_seed(seeds.derive("shown")), device=device
        )
        made = learner.made(noise)
        shown: dict[str, Illustration] = {
            "samples": samples(made),
            "walks": interpolated(noise[: 2 * WALKS], learner.made),
            "nearest": nearest(made[:COMPARED], train.inputs),
        }
        return shown if learner.judgement is None else shown | {"distances": Passage(str(learner.judgement))}

    return Fit(learner, Batches(train, config.batch_size, seeds.child("batches")), {"test": test}, show=show)


TARGET = None  # a comparison; a bound will come with five seeds of each

SMOKE = Config(
    convolutional=ConvolutionConfig(
        channels=(2, 2), kernel_size=4, stride=2, batch_norm=(False, True), activation="leaky_relu"
    ),
    deconvolutional=DeconvolutionConfig(channels=(2, 2)),
    fully_connected=MLPConfig(widths=(8,)),
    gan=GANConfig(size=4, judged=50, evaluation_batch=50),
    batch_size=8,
    real=100,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
