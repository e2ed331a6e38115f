"""Pictures of what a classifier answers."""

from __future__ import annotations

import torch

from lab.data import Dataset
from lab.pictures import sheet, tile
from lab.trial import Picture
from supervised.classifier import Classifier

RIGHT, WRONG = (34, 139, 84), (200, 60, 50)


def answers(classifier: Classifier, dataset: Dataset, columns: int = 12, rows: int = 4) -> Picture:
    """A sheet of examples [N, C, H, W], the least sure first, framed by whether the answer is right.

    The order is by the probability given to the right class, so mistakes come first: what to look at when the
    error is analysed.
    """
    probabilities = torch.cat([classifier.predict(x).softmax(-1) for x, _ in dataset.chunks(1_024)])
    of_right = probabilities.gather(1, dataset.labels[:, None]).squeeze(1)
    chosen = of_right.argsort(stable=True)[: columns * rows]
    said = probabilities[chosen].argmax(-1)
    right = said == dataset.labels[chosen]
    tiles = [tile(dataset.inputs[i], RIGHT if ok else WRONG) for i, ok in zip(chosen, right)]
    caption = (
        f"The {len(tiles)} of {len(dataset)} test examples of whose class the classifier was least sure, least sure "
        f"first; {int((~right).sum())} are wrong (red frames)."
    )
    return Picture(sheet(tiles, columns), caption)
