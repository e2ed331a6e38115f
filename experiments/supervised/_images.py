"""What experiments on published pictures share: how a classifier, its batches and its judges are put together."""

from __future__ import annotations

from lab.backbones import BackboneConfig
from lab.data import Augment, Batches, Published
from lab.fit import Fit
from lab.seeding import Seeds
from supervised.classifier import Classifier, ClassifierConfig
from supervised.pictures import shown


def fit(
    published: Published,
    backbone: BackboneConfig,
    classifier: ClassifierConfig,
    batch_size: int,
    seeds: Seeds,
    augment: Augment | None = None,
    *,
    show: bool = True,
) -> Fit:
    """A classifier x batches of all training images, judged on all test images, on the device that they lie on.

    With `show` a run shows its answers and its confusion table; the images then hold colours from 0 to 1.
    """
    train, test = published.train, published.test
    assert test is not None
    with seeds.initialising("backbone"):
        network = backbone.build(tuple(train.inputs.shape[1:]))
    learner = Classifier(classifier, network, len(published.classes), seeds, train.inputs.device)
    batches = Batches(train, batch_size, seeds.child("batches"), augment=augment)
    return Fit(
        learner, batches, {"test": test}, show=(lambda: shown(learner, test, published.classes)) if show else None
    )
