"""Sheets: where each picture lies."""

from __future__ import annotations

import torch

from generative.sheets import completed, given_back, interpolated, nearest, neighbours, over_time, samples
from lab.pictures import FRAME, GAP, TILE


def level(value: float) -> torch.Tensor:
    return torch.full((1, TILE, TILE), value)


def test_what_was_made_lies_beneath_what_was_given() -> None:
    shades = [level(0.2), level(0.4), level(0.6)]
    picture = given_back(torch.stack(shades), torch.stack([level(0.0)] * 3), columns=2, rows=2)
    pixels, step = picture.pixels, TILE + GAP
    assert pixels[GAP + 1 :: step, GAP + 1 :: step, 0].tolist() == [[51, 102], [0, 0], [153, 255], [0, 255]]
    assert "3 test examples" in picture.caption


def test_of_fewer_than_a_row_what_was_made_lies_beneath_as_well() -> None:
    picture = given_back(torch.stack([level(0.2)] * 3), torch.stack([level(0.0)] * 3), columns=12)
    assert picture.pixels[GAP + 1 :: TILE + GAP, GAP + 1 :: TILE + GAP, 0].tolist() == [[51] * 3, [0] * 3]


def test_a_walk_goes_from_one_code_to_the_next() -> None:
    codes = torch.tensor([[0.0], [1.0]])
    picture = interpolated(codes, lambda z: z[:, :, None, None].expand(-1, 1, TILE, TILE), columns=3)
    shades = [picture.pixels[GAP + 1, GAP + i * (TILE + GAP) + 1, 0] for i in range(3)]
    assert shades == [0, 127, 255]


def test_neighbours_come_nearest_first_behind_their_query() -> None:
    images = torch.stack([level(0.0), level(0.5), level(1.0)])
    picture = neighbours(images[2:], torch.tensor([[2.0]]), images, torch.tensor([[0.0], [1.0], [2.0]]), columns=3)
    side = TILE + 2 * FRAME + GAP
    shades = [picture.pixels[GAP + FRAME + 1, GAP + FRAME + 1 + i * side, 0] for i in range(3)]
    assert shades == [255, 255, 127]


def test_samples_are_counted() -> None:
    assert samples(torch.zeros(5, 1, 4, 4)).caption == "5 made-up examples."


def test_what_is_completed_lies_beneath_what_was_given_of_it() -> None:
    whole = level(1.0)[None]
    picture = completed(whole, TILE * TILE // 2, level(0.0)[None])
    top, bottom = GAP + 1, GAP + TILE - 1
    column = picture.pixels[:, GAP + 1, 0]
    assert [column[top + i * (TILE + GAP)] for i in range(3)] == [255, 255, 0]
    assert [column[bottom + i * (TILE + GAP)] for i in range(3)] == [255, 127, 0]
    assert float(whole.min()) == 1.0, "what was given is left as it is"


def test_of_coloured_pictures_each_colour_is_given_up_to_the_same_pixel() -> None:
    whole = torch.cat([level(1.0), level(0.0), level(1.0)])[None]
    picture = completed(whole, TILE * TILE // 2, whole)
    left, second = GAP + 1, GAP + TILE + GAP
    assert picture.pixels[second + 1, left].tolist() == [255, 0, 255]
    assert picture.pixels[second + TILE - 1, left].tolist() == [127, 127, 127]


def test_a_row_is_what_the_same_codes_were_after_so_many_updates() -> None:
    picture = over_time({64: torch.stack([level(0.0)] * 2), 1_280: torch.stack([level(1.0)] * 2)})
    assert picture.pixels.shape[:2] == (2 * (TILE + GAP) + GAP, 2 * (TILE + GAP) + GAP)
    assert [picture.pixels[GAP + 1 + i * (TILE + GAP), GAP + 1, 0] for i in range(2)] == [0, 255]
    assert picture.caption == "2 examples made up of the same codes after 64, 1,280 updates, row by row."


def test_the_nearest_training_image_lies_beneath() -> None:
    picture = nearest(level(0.9)[None], torch.stack([level(0.0), level(1.0), level(0.2)]))
    assert picture.pixels[GAP + 1, GAP + 1, 0] == 229
    assert picture.pixels[2 * GAP + TILE + 1, GAP + 1, 0] == 255
