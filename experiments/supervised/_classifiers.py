"""What experiments that name classes share: how a classifier, its batches and its judges are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.backbones import BackboneConfig
from lab.data import Augment, Batches, Dataset
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from lab.stopping import StoppingConfig
from supervised.classifier import Classifier, ClassifierConfig
from supervised.pictures import shown


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
    show: bool = True,
    unit: Literal["updates", "examples"] = "updates",
    stopping: StoppingConfig | None = None,
) -> Fit:
    """A classifier x batches of training images [N, C, H, W], on the device that they lie on.

    With `show` a run shows its answers on the `test` part and its confusion table; the images then hold colours from 0
    to 1.
    """
    with seeds.initialising("backbone"):
        backbone = config.backbone.build(tuple(training.inputs.shape[1:]))
    classifier = Classifier(config.classifier, backbone, len(classes), seeds, training.inputs.device)
    return Fit(
        classifier,
        Batches(training, config.batch_size, seeds.child("batches"), augment=augment),
        judged,
        show=(lambda: shown(classifier, judged["test"], classes)) if show else None,
        unit=unit,
        stopping=stopping,
    )
