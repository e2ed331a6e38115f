"""What experiments that name classes share: how a classifier, its batches and its judges are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lab.backbones import BackboneConfig
from lab.data import Augment, BatchAugment, Batches, Dataset
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from lab.transfer import TransferConfig, transferred
from supervised.classifier import Classifier, ClassifierConfig
from supervised.pictures import shown

AT_RANDOM = TransferConfig()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    backbone: BackboneConfig  # each declares its own kind
    classifier: ClassifierConfig
    batch_size: int  # examples
    run: RunConfig


def fit(
    config: Problem,
    training: Dataset,
    judged: Mapping[str, Dataset],
    classes: Sequence[str],
    seeds: Seeds,
    augment: Augment | None = None,
    *,
    mix: BatchAugment | None = None,
    transfer: TransferConfig = AT_RANDOM,
    show: bool = True,
    pictures: Tensor | None = None,
    unit: Literal["updates", "examples"] = "updates",
    stopping: StoppingConfig | None = None,
) -> Fit:
    """A classifier x batches of training images [N, C, H, W], on the device that they lie on.

    With `show` a run shows its answers on the `test` part and its confusion table; the images then hold colours from 0
    to 1, or `pictures` are those of the test part.
    """
    with seeds.initialising("backbone"):
        begun = config.backbone.build(tuple(training.inputs.shape[1:]))
    backbone = transferred(begun, transfer, seeds)
    classifier = Classifier(config.classifier, backbone, len(classes), seeds, training.inputs.device, classes=classes)
    return Fit(
        classifier,
        Batches(training, config.batch_size, seeds.child("batches"), augment=augment, mix=mix),
        judged,
        show=(lambda: shown(classifier, judged["test"], classes, pictures)) if show else None,
        unit=unit,
        stopping=stopping,
    )
