"""Five famous shapes of convolutional networks, scaled to 28 x 28 pixels, name pieces of clothing (Fashion-MNIST).

All arms share the recipe: augmentation, batches, optimiser, epochs. What is kept of each shape:

- lenet (LeCun et al. 1998, figure 2): LeNet-5 at its size, two 5x5 convolutions of 6 and 16 maps, each averaged over
  2x2 pixels, then 120 and 84 units, all tanh; but each map reads all those below, and the radial basis units are gone.
- alexnet (Krizhevsky et al. 2012, figure 2): five convolutions, 5x5 and then 3x3, ReLU; overlapping maxima over 3x3
  pixels with stride 2 after the first, second and fifth; two dense layers with dropout 0.5. Without its normalisation.
- vgg (Simonyan and Zisserman 2015, table 1): pairs of 3x3 convolutions, twice as many filters after each maximum over
  2x2 pixels, and dense layers with dropout at the end.
- inception (Szegedy et al. 2015, figure 2b): modules of parallel 1x1, 3x3, 5x5 and pooled branches, ended by a global
  average with dropout 0.4.
- resnet (He et al. 2016, figure 2): basic blocks of two 3x3 convolutions added to their input, a maximum after the
  stem and a global average at the end.

The last three have batch norm, which is younger than VGG and Inception. All but LeNet-5 cost about as much:

          parameters with the head   multiplications an image
lenet                       61,706                  0.4 million
alexnet                    195,130                  6.5 million
vgg                        124,442                  6.4 million
inception                   46,154                  4.6 million
resnet                     123,914                  6.7 million
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._images import Problem, fit
from lab.backbones import ConvolutionConfig, InceptionConfig, MLPConfig, ResidualConfig
from lab.data import compose, flip, load, shift
from lab.experiment import Compared
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.classifier import ClassifierConfig

Shape = ConvolutionConfig | InceptionConfig | ResidualConfig


def shapes(width: float) -> dict[str, Shape]:
    """The networks by name; their numbers of filters and units are `width` times those given here."""

    def of(*numbers: int) -> tuple[int, ...]:
        return tuple(max(1, round(width * number)) for number in numbers)

    def module(*filters: int) -> tuple[int, int, int, int, int, int]:
        one, before_three, three, before_five, five, after_pool = of(*filters)
        return one, before_three, three, before_five, five, after_pool

    return {
        "lenet": ConvolutionConfig(
            channels=of(6, 16),
            kernel_size=5,
            padding=(2, 0),
            pooling="average",
            activation="tanh",
            initialisation="xavier",
            dense=MLPConfig(widths=of(120, 84), activation="tanh", initialisation="xavier"),
        ),
        "alexnet": ConvolutionConfig(
            channels=of(24, 32, 64, 64, 32),
            kernel_size=(5, 5, 3, 3, 3),
            padding=(2, 2, 1, 1, 1),
            pooling=("max", "max", "none", "none", "max"),
            pool_size=3,
            initialisation="he",
            dense=MLPConfig(widths=of(256, 256), dropout=0.5, initialisation="he"),
        ),
        "vgg": ConvolutionConfig(
            channels=of(16, 16, 32, 32, 48, 48),
            pooling=("none", "max", "none", "max", "none", "max"),
            initialisation="he",
            batch_norm=True,
            dense=MLPConfig(widths=of(128, 128), dropout=0.5, initialisation="he"),
        ),
        "inception": InceptionConfig(
            stem_channels=of(16)[0],
            stem_pool=True,
            modules=(module(16, 16, 24, 4, 8, 8), module(24, 24, 32, 4, 8, 8), module(32, 32, 64, 8, 16, 16)),
            pool=(False, False, True),
            batch_norm=True,
            dropout=0.4,
        ),
        "resnet": ResidualConfig(channels=of(32, 48, 64), stem_pool=True),
    }


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of shapes_fashion, which all arms share but for the backbone."""

    width: float = 1.0  # what the numbers of filters and units of every arm are multiplied by
    backbone: Shape = shapes(1.0)["lenet"]
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=2e-3, weight_decay=0.02, decay=cosine(1.0, 0.0, 2_340, warmup_steps=200)
        ),
        label_smoothing=0.05,
    )
    shift: int = 2  # pixels that a training image moves at most, each way
    run: RunConfig = RunConfig(steps=2_340, log_every=234, evaluate_every=468, save_every=468, threads=1)  # 5 epochs


def variants(config: Config) -> dict[str, Config]:
    """An arm for each shape at the config's width."""
    return {name: replace(config, backbone=backbone) for name, backbone in shapes(config.width).items()}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of mirrored and shifted training images, judged on the 10,000 test images."""
    published = load("fashion_mnist").to(config.run.torch_device())
    augment = compose(flip(), shift(config.shift))
    return fit(published, config, seeds, augment, show=False)


TARGET = None  # a comparison: of shapes, at one recipe and (LeNet-5 apart) one cost
COMPARED = Compared(
    metrics=("eval/test_accuracy", "eval/test_loss"),
    lower=("eval/test_loss",),
    steps=2_340,
    seeds=3,
    protocol="accuracy on the 10,000 test images of Fashion-MNIST, last weights after 5 epochs of mirrored and shifted "
    "training images; a seed's order of images is the same in all arms",
)

SMOKE = Config(
    width=1 / 2,
    batch_size=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
