"""What a classifier answers, to look at: the examples it is least sure of, and which classes it takes for which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from lab.data import Dataset
from lab.pictures import sheet, tile
from lab.trial import Grid, Illustration, Picture
from supervised.classifier import Classifier

RIGHT, WRONG = (34, 139, 84), (200, 60, 50)


def answers(
    classifier: Classifier, dataset: Dataset, columns: int = 12, rows: int = 4, *, pictures: Tensor | None = None
) -> Picture:
    """A sheet of examples [N, C, H, W], the least sure first, framed by whether the answer is right.

    The inputs are shown, or where these are no colours from 0 to 1 any more the `pictures` [N, C, H, W] they were.

    The order is by the probability given to the right class, so mistakes come first: what to look at when the
    error is analysed.
    """
    probabilities = torch.cat([classifier.predict(x).softmax(-1) for x, _ in dataset.chunks(1_024)])
    of_right = probabilities.gather(1, dataset.labels[:, None]).squeeze(1)
    chosen = of_right.argsort(stable=True)[: columns * rows]
    said = probabilities[chosen].argmax(-1)
    right = said == dataset.labels[chosen]
    images = dataset.inputs if pictures is None else pictures
    tiles = [tile(images[i], RIGHT if ok else WRONG) for i, ok in zip(chosen, right)]
    caption = (
        f"The {len(tiles)} of {len(dataset)} test examples of whose class the classifier was least sure, least sure "
        f"first; {int((~right).sum())} are wrong (red frames)."
    )
    return Picture(sheet(tiles, columns), caption)


def shown(
    classifier: Classifier, dataset: Dataset, classes: Iterable[str], pictures: Tensor | None = None
) -> dict[str, Illustration]:
    """Both, as a run on images leaves them."""
    seen = answers(classifier, dataset, pictures=pictures)
    return {"answers": seen, "confusion": confusion(classifier, dataset, list(classes))}


def confusion(classifier: Classifier, dataset: Dataset, classes: Sequence[str]) -> Grid:
    """How many examples [N, ...] of each class were given each answer; labels are class numbers [N]."""
    answers = torch.cat([classifier.predict(x).argmax(-1) for x, _ in dataset.chunks(1_024)])
    size = len(classes)
    counts = torch.bincount(size * dataset.labels + answers, minlength=size**2).view(size, size)
    caption = f"{len(dataset):,} test examples by their class (rows) and the answer (columns)."
    return Grid(counts.cpu().numpy(), classes, classes, down="class", across="answer", right=True, caption=caption)
