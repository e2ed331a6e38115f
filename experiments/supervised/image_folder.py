"""Images of your own, FOLDER/CLASS/IMAGE: a residual network learns their classes, from scratch or from another's.

    lab run image_folder --images FOLDER --height 64 --width 64 --augment.flip True --augment.crop 4
    lab run image_folder --images FOLDER --from RUN                       # begins with what one of your runs learnt

Published checkpoints as safetensors go by their own names (`lab.published_names`), here ResNet-18 in torchvision's or
timm's form; the colours are then normalised as it was taught (one line):

    lab run image_folder --images FOLDER --from resnet18.safetensors --normalisation imagenet --height 224 --width 224
        --backbone.channels 64 128 256 512 --backbone.blocks 2 --backbone.stem-kernel-size 7 --backbone.stem-stride 2
        --backbone.stem-pool True

Without --images it learns scikit-learn's digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from experiments.supervised import _classifiers
from lab.backbones import ConvolutionConfig, InceptionConfig, ResidualConfig
from lab.data import SMALL, AugmentConfig, Dataset, ImageFolder, digits, read_images, split
from lab.data.own_files import own_file, pin, pinned
from lab.data.splits import normalised
from lab.fit import Fit
from lab.normalisation import Normalisation
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from lab.transfer import TransferConfig
from supervised.classifier import ClassifierConfig

UPDATES = 2_000
# Means and deviations of ImageNet's colours, as He et al. and others have them.
IMAGENET = Normalisation(
    torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
)


@dataclass(frozen=True, kw_only=True)
class Config(_classifiers.Problem):
    """Settings of image_folder."""

    images: str = own_file()  # a folder with one sub-folder a class; none: scikit-learn's digits
    images_sha256: str = ""  # of its files, found by itself
    height: int = 32  # pixels that every image is brought to
    width: int = 32  # pixels
    channels: Literal[1, 3] = 3  # 3 for colours, 1 for luminance
    normalisation: Literal["training", "imagenet"] = "training"  # whose colours come to have mean 0 and deviation 1
    shares: tuple[float, float, float] = SMALL  # to train on, to choose settings by, and to test on; of each class
    data_seed: int = 0  # which images are in which part
    augment: AugmentConfig = AugmentConfig()
    backbone: ConvolutionConfig | ResidualConfig | InceptionConfig = ResidualConfig(channels=(32, 64, 128), blocks=1)
    transfer: TransferConfig = TransferConfig()
    classifier: ClassifierConfig = ClassifierConfig(
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-3, weight_decay=0.02, decay=cosine(1.0, 0.0, UPDATES)),
        scores=("precision", "recall", "f1"),
    )
    batch_size: int = 32  # examples
    run: RunConfig = RunConfig(steps=UPDATES, log_every=100, evaluate_every=200, save_every=200)

    def __post_init__(self) -> None:
        """Raises ValueError if the folder is not there, or colours are asked for that there are not."""
        pin(self, "images")
        if self.normalisation == "imagenet" and self.channels != 3:
            raise ValueError(
                f"normalisation is 'imagenet', which is of three colours, but channels is {self.channels}. Set it to "
                "3, or normalisation to 'training'."
            )


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a classifier x batches of the training images, judged on the development and the test images."""
    folder = pinned(config, "images")
    size = config.height, config.width
    found = read_images(folder, channels=config.channels, size=size) if folder else _digits(config)
    whole = found.dataset.to(config.run.torch_device())
    training, development, test = split(whole, config.shares, config.data_seed, stratified=True)
    pictures = test.inputs
    if config.normalisation == "training":
        training, development, test = normalised(training, development, test, axes=(0, 2, 3))
    else:
        training, development, test = (as_taught(part) for part in (training, development, test))
    return _classifiers.fit(
        config,
        training,
        {"dev": development, "test": test},
        found.classes,
        seeds,
        config.augment.augment(),
        mix=config.augment.mix(len(found.classes)),
        transfer=config.transfer,
        pictures=pictures,
    )


def _digits(config: Config) -> ImageFolder:
    numbers = digits()
    inputs = F.interpolate(numbers.inputs, (config.height, config.width), mode="bilinear")
    inputs = inputs.expand(-1, config.channels, -1, -1).contiguous()
    return ImageFolder(Dataset(inputs, numbers.labels), tuple(map(str, range(10))), ())


def as_taught(part: Dataset) -> Dataset:
    """Colours from 0 to 1 as networks see them that were taught by ImageNet."""
    return Dataset(IMAGENET.to(part.inputs.device)(part.inputs), part.labels)


TARGET = None  # everybody's images have a number of their own

SMOKE = Config(
    height=8,
    width=8,
    channels=1,
    augment=AugmentConfig(flip=True, rotate=10.0, zoom=1.2, distort=0.5, crop=1, erase=0.2, mixup=0.2),
    backbone=ResidualConfig(channels=(4,), blocks=1),
    batch_size=16,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
