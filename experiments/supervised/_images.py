"""What experiments on published pictures share: all are trained on, or some kept to choose settings by."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised import _classifiers
from lab.data import Augment, Published, hold_out
from lab.data.splits import normalised
from lab.development import Development
from lab.fit import Fit
from lab.seeding import Seeds

DEVELOPMENT_SEED = 0  # which training images are held out: the same ones in every run


@dataclass(frozen=True, kw_only=True)
class Problem(_classifiers.Problem, Development):
    """The settings that all of them have."""

    batch_size: int = 128  # examples


def fit(
    published: Published,
    config: Problem,
    seeds: Seeds,
    augment: Augment | None = None,
    *,
    normalise: bool = False,
    show: bool = True,
) -> Fit:
    """A classifier x batches of the training images, judged on all test images; on the device that they lie on.

    With `normalise` each colour has mean 0 and deviation 1 in the images that are trained on.
    """
    assert published.test is not None
    training, development = hold_out(published.train, config.development_share, DEVELOPMENT_SEED)
    judged = {"test": published.test, **development}
    if normalise:
        training, *others = normalised(training, *judged.values(), axes=(0, 2, 3))
        judged = dict(zip(judged, others))
    return _classifiers.fit(config, training, judged, published.classes, seeds, augment, show=show)
