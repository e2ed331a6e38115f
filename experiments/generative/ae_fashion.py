"""Autoencoders keep pieces of clothing (Fashion-MNIST) in 32 numbers: deep ones more of them than principal components.

The codes find what is alike (`eval/test_precision` of the ten nearest training images), and their backbones are
something to begin with where labels are few:

    lab run ae_fashion --variant denoising
    lab run few_labels --data fashion_mnist --from ae_fashion/denoising --seeds 0-4 --report
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.generative._first import first
from generative.autoencoder import NEAREST, Autoencoder, AutoencoderConfig
from generative.decoders import DecoderConfig, DeconvolutionConfig
from generative.sheets import COLUMNS, given_back, neighbours
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.data import Batches, load
from lab.experiment import Bound, Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.trial import Picture

SHOWN = 36  # test images
ASKED = 8  # test images whose neighbours are shown


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ae_fashion, which all arms share but for the network and the corruption."""

    backbone: MLPConfig | ConvolutionConfig = MLPConfig(widths=(512, 256))
    decoder: DecoderConfig = MLPConfig(widths=(256, 512))
    convolutional: ConvolutionConfig = ConvolutionConfig(
        channels=(32, 64, 64), pooling=("max", "max", "none"), batch_norm=True, readout="flatten"
    )  # the backbone of the arm of that name
    deconvolutional: DeconvolutionConfig = DeconvolutionConfig()  # its decoder
    autoencoder: AutoencoderConfig = AutoencoderConfig(
        optimizer=OptimizerConfig(kind="adam", learning_rate=1e-3, decay=cosine(1.0, 0.0, 9_380))
    )
    batch_size: int = 128  # examples
    library: int = 60_000  # training images among which the nearest are looked for
    run: RunConfig = RunConfig(steps=9_380, log_every=469, evaluate_every=4_690, save_every=1_876)  # 20 epochs


def variants(config: Config) -> dict[str, Config]:
    """One hidden layer on either side, several, the same with corrupted inputs, and convolutions."""
    return {
        "shallow": replace(config, backbone=MLPConfig(widths=(256,)), decoder=MLPConfig(widths=(256,))),
        "deep": config,
        "denoising": replace(config, autoencoder=replace(config.autoencoder, corruption=0.3)),
        "convolutional": replace(config, backbone=config.convolutional, decoder=config.deconvolutional),
    }


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: an autoencoder x batches of the training images, judged on the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    train, test = published.train, published.test
    assert test is not None
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(train.inputs.shape[1:]))
    library = first(train, config.library, "library", least=max(NEAREST, COLUMNS - 1))  # to be judged, and to be shown
    device = train.inputs.device
    learner = Autoencoder(config.autoencoder, backbone, config.decoder, seeds, device, library=library)

    def show() -> dict[str, Picture]:
        inputs, asked = test.inputs[:SHOWN], test.inputs[:ASKED]
        return {
            "given_back": given_back(inputs, learner.predict(inputs)),
            "alike": neighbours(asked, learner.codes(asked), library.inputs, learner.codes(library.inputs)),
        }

    return Fit(learner, Batches(train, config.batch_size, seeds.child("batches")), {"test": test}, show=show)


PRINCIPAL = 0.0151423984  # mean squared error of a test pixel by 32 principal components of the training images
PIXELS = 0.8052  # precision of the ten training images with the nearest pixels, of which each has 784

TARGET = Target(
    metric="eval/test_error",
    arm="deep",
    at_most=PRINCIPAL,
    steps=9_380,
    statistic="mean",
    seeds=5,
    protocol="mean squared error of a pixel in [0, 1] on the 10,000 test images, codes of 32 numbers, last weights "
    "after 20 epochs; 5 seeds",
    source="32 principal components of the 60,000 training images, by scikit-learn",
    published=PRINCIPAL,
    beside=(Bound(metric="eval/test_precision", at_least=PIXELS),),
)

SMOKE = Config(
    backbone=MLPConfig(widths=(16,)),
    decoder=MLPConfig(widths=(16,)),
    convolutional=ConvolutionConfig(channels=(2, 2), pooling="max", batch_norm=True),
    deconvolutional=DeconvolutionConfig(channels=(2, 2)),
    batch_size=16,
    library=200,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
