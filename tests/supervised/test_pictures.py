"""The sheet of answers: the least sure first, mistakes framed in red."""

from __future__ import annotations

import numpy as np
import torch

from lab.data import Dataset
from lab.pictures import FRAME, GAP, TILE
from supervised.classifier import Classifier
from supervised.pictures import RIGHT, WRONG, answers, confusion, shown

SIDE = TILE + 2 * FRAME  # a tile and its frame


class Fixed:
    """Answers by the first pixel: its value is the logit of class 1."""

    def predict(self, inputs: torch.Tensor) -> torch.Tensor:
        first = inputs[:, 0, 0, 0] * 10 - 5
        return torch.stack([torch.zeros_like(first), first], 1)


def examples() -> Dataset:
    inputs = torch.zeros(4, 1, 8, 8)
    inputs[:, 0, 0, 0] = torch.tensor([0.9, 0.1, 0.6, 0.8])  # logits of class 1: 4, -4, 1, 3
    return Dataset(inputs, torch.tensor([1, 0, 1, 0]))  # right, right, right but unsure, wrong


def sheet() -> tuple[np.ndarray, str]:
    classifier: Classifier = Fixed()  # type: ignore[assignment]
    picture = answers(classifier, examples(), columns=3, rows=2)
    return picture.pixels, picture.caption


def tile(pixels: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = GAP + row * (SIDE + GAP), GAP + column * (SIDE + GAP)
    return pixels[top : top + SIDE, left : left + SIDE]


def test_the_sheet_has_room_for_all_and_gaps_of_white() -> None:
    pixels, _ = sheet()
    assert pixels.shape == (2 * (SIDE + GAP) + GAP, 3 * (SIDE + GAP) + GAP, 3)
    assert (pixels[:GAP] == 255).all()
    assert (tile(pixels, 1, 1) == 255).all(), "there are four examples for six places"


def test_the_least_sure_come_first_and_mistakes_are_red() -> None:
    pixels, caption = sheet()
    places = [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [tuple(tile(pixels, *place)[0, 0]) for place in places] == [WRONG, RIGHT, RIGHT, RIGHT]
    # The order is 0.8 (wrong), 0.6 (unsure), then the two that are equally sure in their own order.
    assert [int(tile(pixels, *place)[3, 3, 0]) for place in places] == [204, 153, 229, 25]
    assert "The 4 of 4 test examples" in caption
    assert "1 are wrong" in caption


def test_a_pixel_becomes_a_square() -> None:
    pixels, _ = sheet()
    inside = tile(pixels, 0, 0)[3:-3, 3:-3]
    assert (inside[:7, :7] == 204).all()
    assert (inside[7:] == 0).all()
    assert (inside[:7, 7:] == 0).all()


def test_colours_stay_and_few_places_show_the_least_sure() -> None:
    classifier: Classifier = Fixed()  # type: ignore[assignment]
    data = examples()
    coloured = Dataset(data.inputs.expand(4, 3, 8, 8) * torch.tensor([1.0, 0.5, 0.0])[None, :, None, None], data.labels)
    pixels = answers(classifier, coloured, columns=1, rows=1).pixels
    assert pixels.shape == (SIDE + 2 * GAP, SIDE + 2 * GAP, 3)
    assert tuple(tile(pixels, 0, 0)[3, 3]) == (204, 102, 0)


def test_a_confusion_table_counts_classes_by_answers() -> None:
    classifier: Classifier = Fixed()  # type: ignore[assignment]
    found = confusion(classifier, examples(), ["dark", "bright"])
    # Classes 1, 0, 1, 0 were answered 1, 0, 1, 1.
    assert found.values.tolist() == [[1, 1], [0, 2]]
    assert found.rows == found.columns == ["dark", "bright"]
    assert found.right
    assert list(shown(classifier, examples(), ["dark", "bright"])) == ["answers", "confusion"]


def test_what_is_shown_need_not_be_what_is_judged() -> None:
    classifier: Classifier = Fixed()  # type: ignore[assignment]
    same = answers(classifier, examples(), pictures=examples().inputs)
    assert np.array_equal(answers(classifier, examples()).pixels, same.pixels)
    seen = answers(classifier, examples(), columns=3, rows=2, pictures=torch.ones(4, 1, 8, 8)).pixels
    assert (tile(seen, 0, 0)[FRAME:-FRAME, FRAME:-FRAME] == 255).all()
