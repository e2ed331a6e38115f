"""Rotation, zoom and distortion, by hand and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from lab.data import distort, rotate, zoom
from lab.data.warping import displaced, rotated, smoothed, zoomed
from tests.lab.data.cases import noise, seeded


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("size", [1, 5, 6])
def test_quarter_turns(size: int, turns: int) -> None:
    images = noise(3, 2, size, size)
    turned = rotated(images, torch.full((3,), 90.0 * turns))
    torch.testing.assert_close(turned, torch.rot90(images, turns, (2, 3)), atol=1e-5, rtol=0)


def test_a_quarter_turn_of_a_row_is_a_column() -> None:
    image = torch.zeros(1, 1, 3, 5)
    image[0, 0, 1] = torch.tensor([1.0, 2, 3, 4, 5])
    expected = [[0, 0, 4, 0, 0], [0, 0, 3, 0, 0], [0, 0, 2, 0, 0]]  # 5 and 1 leave the image above and below
    torch.testing.assert_close(rotated(image, torch.tensor([90.0]))[0, 0], torch.tensor(expected).float())


@pytest.mark.parametrize("shape", [(8, 8), (6, 11), (11, 6), (7, 10)])
def test_rotation_against_scipy(shape: tuple[int, int]) -> None:
    images, degrees = noise(4, 1, *shape), torch.tensor([-171.0, -20, 7, 61], dtype=torch.float64)
    for image, angle, turned in zip(images[:, 0], degrees, rotated(images, degrees)[:, 0]):
        expected = ndimage.rotate(image.numpy(), float(angle), reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(turned.numpy(), expected, atol=1e-9)


def test_rotation_by_nothing() -> None:
    images = noise(3, 2, 6, 9)
    torch.testing.assert_close(rotate(0)(images, seeded()), images)


def test_angles_are_uniform_either_way() -> None:
    # Each pixel of a ramp holds its height. One to the right of the centre, it becomes the height that was read there:
    # the sine of the angle.
    heights = torch.arange(-5.0, 6, dtype=torch.float64)[:, None].expand(2_000, 1, 11, 5)
    angles = rotate(30)(heights, seeded())[:, 0, 5, 3].asin().rad2deg()
    assert stats.kstest(angles.numpy(), stats.uniform(-30, 60).cdf).pvalue > 1e-3


def test_zoom_by_one_is_the_identity() -> None:
    images = noise(3, 2, 6, 9)
    torch.testing.assert_close(zoom(1, 1)(images, seeded()), images)


def test_zoom_by_hand() -> None:
    row = torch.tensor([[1.0, 2, 4, 8]])[None, None]
    # At factor 2, places -1.5, -0.5, 0.5, 1.5 read -0.75, -0.25, 0.25, 0.75 from the centre: between 2 and 4 at first.
    # A row one pixel high is read at its middle whatever the factor.
    torch.testing.assert_close(zoomed(row, torch.tensor([2.0]))[0, 0, 0], torch.tensor([1.75, 2.5, 3.5, 5.0]))
    # At factor 1/2 they read -3, -1, 1, 3: outside, halfway between 1 and 2, halfway between 4 and 8, outside.
    torch.testing.assert_close(zoomed(row, torch.tensor([0.5]))[0, 0, 0], torch.tensor([0, 1.5, 6, 0]))


@pytest.mark.parametrize("shape", [(8, 8), (6, 11), (11, 6)])
def test_zoom_against_scipy(shape: tuple[int, int]) -> None:
    images, factors = noise(4, 1, *shape), torch.tensor([0.3, 0.8, 1.1, 2.5], dtype=torch.float64)
    centre = (np.array(shape) - 1) / 2
    for image, factor, magnified in zip(images[:, 0].numpy(), factors.tolist(), zoomed(images, factors)[:, 0]):
        matrix = np.eye(2) / factor
        offset = centre - matrix @ centre
        expected = ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant")
        np.testing.assert_allclose(magnified.numpy(), expected, atol=1e-9)


def test_factors_are_uniform_in_their_logarithm() -> None:
    ramp = torch.arange(-1.0, 2, dtype=torch.float64).expand(2_000, 1, 1, 3)
    factors = 1 / zoom(1, 4)(ramp, seeded())[:, 0, 0, 2]  # the place 1 reads 1 / factor
    assert stats.kstest(factors.log().numpy(), stats.uniform(0, math.log(4)).cdf).pvalue > 1e-3


def test_displacements_by_hand() -> None:
    image = torch.tensor([[1.0, 2, 3], [4, 5, 6]])[None, None]
    moves = torch.zeros(1, 2, 2, 3)
    moves[0, :, 0, 0] = torch.tensor([2.0, 1])  # two to the right, one down: 6
    moves[0, :, 0, 1] = torch.tensor([0.25, 0])  # a quarter of the way from 2 to 3
    moves[0, :, 1, 2] = torch.tensor([0.0, 0.5])  # half outside: 6 / 2
    torch.testing.assert_close(displaced(image, moves)[0, 0], torch.tensor([[6, 2.25, 3], [4, 5, 3]]))


@pytest.mark.parametrize("shape", [(8, 8), (6, 11)])
def test_displacements_against_scipy(shape: tuple[int, int]) -> None:
    images, moves = noise(2, 1, *shape), 3 * noise(2, 2, *shape)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for image, (right, down), moved in zip(images[:, 0].numpy(), moves.numpy(), displaced(images, moves)[:, 0]):
        expected = ndimage.map_coordinates(image, [rows + down, columns + right], order=1, mode="grid-constant")
        np.testing.assert_allclose(moved.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("smoothness", [0.3, 1.0, 2.5])
def test_smoothing_against_scipy(smoothness: float) -> None:
    margin = math.ceil(3 * smoothness)
    field = noise(2, 1, 9 + 2 * margin, 12 + 2 * margin)
    ours = smoothed(field, smoothness, margin)
    assert ours.shape == (2, 1, 9, 12)
    # SciPy's weights add up to 1, ours have squares that do.
    weights = np.exp(-0.5 * (np.arange(-margin, margin + 1) / smoothness) ** 2)
    scale = weights.sum() ** 2 / (weights**2).sum()
    expected = [scale * ndimage.gaussian_filter(each, smoothness, radius=margin) for each in field[:, 0].numpy()]
    inside = np.stack(expected)[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(ours[:, 0].numpy(), inside, atol=1e-9)


@pytest.mark.parametrize("smoothness", [1.5, 3.0])
def test_displacements_are_as_strong_and_smooth_as_asked(monkeypatch: pytest.MonkeyPatch, smoothness: float) -> None:
    monkeypatch.setattr("lab.data.warping.displaced", lambda images, displacements: displacements)
    moves = distort(2, smoothness)(torch.zeros(3_000, 1, 6, 9), seeded()).double()
    assert moves.shape == (3_000, 2, 6, 9)
    # An estimate of a deviation of 2 from 3,000 draws deviates by 2 / sqrt(2 * 3000) = 0.026; five of them: 0.13.
    assert (moves.std(0) - 2).abs().max() < 0.13, "at the edges as in the middle"
    assert moves.mean(0).abs().max() < 5 * 2 / math.sqrt(3_000)
    # Noise smoothed by a Gaussian is correlated by another, sqrt(2) times as wide; axes and directions not at all.
    right, down = moves[:, 0] / 2, moves[:, 1] / 2
    for distance in range(5):
        expected = math.exp(-((distance / smoothness) ** 2) / 4)
        assert float((right[..., 0] * right[..., distance]).mean()) == pytest.approx(expected, abs=0.05)
        assert float((right[:, 0] * right[:, distance]).mean()) == pytest.approx(expected, abs=0.05)
    assert abs(float((right * down).mean())) < 0.05


def test_no_strength_is_no_distortion() -> None:
    images = noise(3, 2, 6, 9)
    torch.testing.assert_close(distort(0, 2)(images, seeded()), images)
