"""The panel: the cursor stands where the step is, what lies ahead is faded, and everything fits."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colors

from agents.panel import Panel

INK = (50, 50, 50)


def panel(height: int = 300, actions: int = 2, steps: int = 100) -> Panel:
    values = np.linspace(0, 1, steps)[:, None] * np.arange(1, actions + 1)
    return Panel(height, np.ones(steps), values, [f"action {k}" for k in range(actions)])


def cursor(pixels: np.ndarray) -> list[int]:
    """The columns that are ink over a third of the height, but for the axes' black edges."""
    return np.flatnonzero((pixels == INK).all(-1).sum(0) > len(pixels) / 3).tolist()


def test_the_cursor_moves_evenly_from_the_left_edge_of_the_curves_to_the_right() -> None:
    drawn = panel()
    columns = [cursor(drawn.at(step)) for step in (0, 33, 66, 99)]
    assert all(len(column) == 1 for column in columns)
    places = np.concatenate(columns)
    assert np.ptp(np.diff(places)) <= 2
    left, right, _, _ = drawn._boxes[0]
    assert abs(places[0] - left) <= 1
    assert abs(places[-1] - right) <= 2


def test_the_curves_are_drawn_in_their_colours_and_fade_after_the_cursor() -> None:
    drawn = panel()
    pixels = drawn.at(50)
    (column,) = cursor(pixels)
    blue = np.array(colors.to_rgb("#0072b2")) * 255
    left, right, top, bottom = drawn._boxes[0]
    near = (np.abs(pixels[top:bottom, left:right] - blue) < 60).all(-1).any(0)  # [columns] where the line is seen
    here = column - left
    assert near[3 : here - 2].mean() > 0.9
    assert not near[here + 2 :].any()
    # The last step has passed every point, so it shows what was drawn as it was drawn.
    assert np.array_equal(drawn.at(99)[top:bottom, left : right - 3], drawn._whole[top:bottom, left : right - 3])


def test_a_step_is_told_with_its_return_and_its_action() -> None:
    drawn = panel()
    strip = {(step, action): drawn.at(step, action)[: drawn._strip] for step, action in ((4, 0), (4, 1), (5, 1))}
    assert not np.array_equal(strip[4, 0], strip[4, 1])
    assert not np.array_equal(strip[4, 1], strip[5, 1])
    orange = np.array(colors.to_rgb("#d55e00")) * 255
    seen = {key: (np.abs(pixels - orange) < 25).all(-1).any() for key, pixels in strip.items()}
    assert seen == {(4, 0): False, (4, 1): True, (5, 1): True}, "the action's name has the colour of its line"
    assert drawn.returns[4] == 5, "the return counts the step's own reward"


@pytest.mark.parametrize("height", [20, 300, 900])
@pytest.mark.parametrize("actions", [2, 6, 18])
def test_it_is_as_high_as_the_picture_unless_letters_need_more(height: int, actions: int) -> None:
    drawn = panel(height, actions)
    pixels = drawn.at(7, actions - 1)
    assert pixels.shape == (drawn.height, drawn.width, 3)
    assert pixels.dtype == np.uint8
    assert drawn.height == height if height >= 400 else drawn.height >= 260
    for left, right, top, bottom in drawn._boxes:
        assert bottom - top > 45
        assert right - left > 250
        assert 0 < left < right <= drawn.width
        assert 0 < top < bottom <= drawn.height


def test_an_agent_that_tells_nothing_has_its_return_alone() -> None:
    drawn = Panel(300, np.arange(5.0), None)
    assert len(drawn._boxes) == 1
    assert cursor(drawn.at(3, 1))


def test_an_episode_of_one_step_can_be_seen() -> None:
    assert cursor(panel(steps=1).at(0, 0))
