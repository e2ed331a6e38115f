"""Augments against numbers worked out by hand, against SciPy, and against what every augment promises."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor

import lab.data
from lab.data import Augment, Batches, Dataset, compose, crop, distort, erase, flip, mixup, rotate, shift, zoom
from lab.data.mixing import beta, mixed
from lab.data.warping import displaced, rotated, smoothed, zoomed
from lab.seeding import Seeds

AUGMENTS: dict[str, list[Augment]] = {
    "compose": [compose(), compose(flip(), crop(2), rotate(10))],
    "crop": [crop(2, "zeros"), crop(2, "reflect")],
    "distort": [distort(2, 1.5)],
    "erase": [erase(0.7)],
    "flip": [flip()],
    "rotate": [rotate(30)],
    "shift": [shift(2)],
    "zoom": [zoom(0.5, 2)],
}
EACH = pytest.mark.parametrize(
    "augment", [pytest.param(a, id=f"{name}-{i}") for name, many in AUGMENTS.items() for i, a in enumerate(many)]
)
MIXUP = mixup(0.4, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=seeded(99)).to(dtype)


def test_the_list_names_every_augment_of_the_lab() -> None:
    functions = dict(inspect.getmembers(lab.data, inspect.isfunction))
    assert set(AUGMENTS) == {n for n, f in functions.items() if f.__annotations__.get("return") == "Augment"}
    assert {n for n, f in functions.items() if f.__annotations__.get("return") == "BatchAugment"} == {"mixup"}


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(6, 3, 9, 9), (1, 1, 5, 5), (4, 2, 5, 11), (4, 2, 11, 5)])
def test_shape_type_and_memory(augment: Augment, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    images = noise(*shape, dtype=dtype)
    before = images.clone()
    changed = augment(images, seeded())
    assert (changed.shape, changed.dtype, changed.device) == (images.shape, images.dtype, images.device)
    assert changed.is_contiguous()
    assert torch.equal(images, before), "its input is left alone"
    assert changed.untyped_storage().data_ptr() != images.untyped_storage().data_ptr(), "and shares no memory"


@EACH
def test_the_order_of_memory_does_not_matter(augment: Augment) -> None:
    images = noise(4, 3, 6, 8, dtype=torch.float32)
    strided = images.to(memory_format=torch.channels_last)
    assert not strided.is_contiguous()
    changed = augment(strided, seeded())
    assert changed.is_contiguous()
    torch.testing.assert_close(changed, augment(images, seeded()))


@EACH
def test_draws_come_from_the_generator_alone(augment: Augment) -> None:
    images = noise(32, 2, 8, 8)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = augment(images, seeded(5))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(augment(images, seeded(5)), first), "bit for bit"
    unchanged = augment is AUGMENTS["compose"][0]
    assert torch.equal(augment(images, seeded(6)), first) == unchanged, "other seeds, other draws"


@EACH
def test_draws_do_not_depend_on_the_pixels(augment: Augment) -> None:
    one, other = seeded(), seeded()
    augment(noise(8, 1, 6, 6), one)
    augment(torch.zeros(8, 3, 6, 6), other)
    assert torch.equal(one.get_state(), other.get_state())


@EACH
def test_channels_move_together(augment: Augment) -> None:
    images = noise(8, 1, 7, 6)
    changed = augment(images.expand(8, 2, 7, 6), seeded())
    assert torch.equal(changed[:, 0], changed[:, 1])


@EACH
def test_examples_are_changed_each_its_own_way(augment: Augment) -> None:
    changed = augment(noise(1, 1, 8, 8).expand(64, 1, 8, 8), seeded())
    unchanged = augment is AUGMENTS["compose"][0]
    assert (len(changed.flatten(1).unique(dim=0)) == 1) == unchanged


@EACH
def test_nothing_stays_nothing(augment: Augment) -> None:
    assert torch.equal(augment(torch.zeros(5, 2, 7, 9), seeded()), torch.zeros(5, 2, 7, 9))


@pytest.mark.parametrize("augment", [a for name, many in AUGMENTS.items() if name != "compose" for a in many])
def test_only_images_have_pixels_to_move(augment: Augment) -> None:
    with pytest.raises(ValueError, match=r"inputs have shape \[3, 64\], but this augment moves pixels"):
        augment(torch.zeros(3, 64), seeded())


@pytest.mark.parametrize("augment", [rotate(5), zoom(1, 2), distort(1, 1)])
def test_whole_numbers_hold_no_mixtures(augment: Augment) -> None:
    with pytest.raises(ValueError, match=r"type torch.uint8, which cannot hold a mixture of pixels"):
        augment(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), seeded())


def test_augments_compose_in_order_and_share_the_generator() -> None:
    def plus(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return inputs + torch.randint(0, 100, inputs.shape, generator=generator)

    def twice(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return inputs * 2

    generator = seeded(3)
    first, second = (torch.randint(0, 100, (4,), generator=generator) for _ in range(2))
    expected = (torch.ones(4) + first) * 2 + second
    assert torch.equal(compose(plus, twice, plus)(torch.ones(4), seeded(3)), expected)


def test_a_composed_augment_resumes_bit_for_bit() -> None:
    def stream() -> Batches:
        augment = compose(crop(1, "reflect"), flip(), rotate(15), zoom(0.9, 1.1), distort(1, 2), erase(0.5))
        data = Dataset(noise(14, 1, 8, 8, dtype=torch.float32), torch.arange(14))
        return Batches(data, 4, Seeds(1), augment=augment)

    straight, resumed = stream(), stream()
    for _ in range(5):
        straight.next()
    resumed.load_state_dict(straight.state_dict())
    for _ in range(4):
        assert all(torch.equal(a, b) for a, b in zip(straight.next(), resumed.next()))


def test_flip_mirrors_left_to_right() -> None:
    image = torch.tensor([[1.0, 2, 3], [4, 5, 6]])[None, None]
    assert flip(1)(image, seeded()).tolist() == [[[[3, 2, 1], [6, 5, 4]]]]
    assert torch.equal(flip(0)(image, seeded()), image)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_of_flipped_images(probability: float) -> None:
    flipped = flip(probability)(torch.tensor([0.0, 1]).expand(10_000, 1, 1, 2), seeded())[:, 0, 0, 0]
    # The standard deviation of a count is sqrt(n p (1 - p)).
    assert abs(float(flipped.sum()) - 10_000 * probability) < 5 * math.sqrt(10_000 * probability * (1 - probability))


@pytest.mark.parametrize(("fill", "mode"), [("zeros", "constant"), ("reflect", "reflect")])
def test_crops_are_the_windows_of_the_padded_image(fill: str, mode: str) -> None:
    image = torch.arange(1.0, 21).reshape(4, 5)
    padded = np.pad(image.numpy(), 2, mode=mode)  # type: ignore[call-overload]
    windows = [tuple(padded[r : r + 4, c : c + 5].ravel()) for r in range(5) for c in range(5)]
    assert len(set(windows)) == 25
    cut = crop(2, fill)(image.expand(5_000, 1, 4, 5), seeded())  # type: ignore[arg-type]
    counts = dict.fromkeys(windows, 0)
    for each in cut:
        counts[tuple(each.flatten().tolist())] += 1  # a KeyError would be a window of its own making
    # Expected 5000 / 25 = 200 of each, standard deviation sqrt(200 * 24/25) = 13.9; five of them: 69.
    assert all(abs(count - 200) < 69 for count in counts.values())


def test_shift_is_the_crop_with_zeros() -> None:
    images = noise(9, 2, 5, 4)
    assert torch.equal(shift(2)(images, seeded(4)), crop(2, "zeros")(images, seeded(4)))
    assert torch.equal(crop(0, "reflect")(images, seeded()), images)


def test_a_mirror_shows_no_more_than_the_image() -> None:
    assert crop(3, "reflect")(noise(2, 1, 4, 9), seeded()).shape == (2, 1, 4, 9)
    with pytest.raises(ValueError, match=r"padding is 4 pixels, but images of 4 x 9 hold only 3 beyond the edge"):
        crop(4, "reflect")(noise(2, 1, 4, 9), seeded())


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


@pytest.mark.parametrize("shape", [(32, 32), (20, 50), (50, 20), (8, 8)])
@pytest.mark.parametrize(
    ("share", "aspect"), [((0.02, 0.33), (0.3, 3.3)), ((0.9, 1.0), (0.1, 9)), ((0.1, 0.1), (2, 2))]
)
def test_erased_rectangles(shape: tuple[int, int], share: tuple[float, float], aspect: tuple[float, float]) -> None:
    height, width = shape
    gone = erase(1, share, aspect)(torch.ones(2_000, 2, height, width), seeded()) == 0
    assert torch.equal(gone[:, 0], gone[:, 1]), "all channels"
    gone = gone[:, 0]
    heights, widths = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(gone.sum((1, 2)), heights * widths), "a full rectangle, as high and wide as its shadows"
    # A side before it was rounded lies within half a pixel of the one after.
    assert bool(((heights + 0.5) * (widths + 0.5) >= share[0] * height * width).all())
    assert bool(((heights - 0.5).clamp(0) * (widths - 0.5).clamp(0) <= share[1] * height * width).all())
    free = (heights < height - 1) & (widths < width - 1) & (heights > 1) & (widths > 1)  # not clipped
    assert bool(((heights + 0.5) / (widths - 0.5) >= aspect[0])[free].all())
    assert bool(((heights - 0.5) / (widths + 0.5) <= aspect[1])[free].all())


def test_erasing_by_hand() -> None:
    # A quarter of 4 x 8 is 8 pixels; twice as wide as high: 2 x 4, at 3 x 5 places, all equally likely.
    gone = erase(1, (0.25, 0.25), (0.5, 0.5))(torch.ones(6_000, 1, 4, 8), seeded())[:, 0] == 0
    tops, lefts = gone.any(2).int().argmax(1), gone.any(1).int().argmax(1)
    assert set(gone.sum((1, 2)).tolist()) == {8}
    counts = torch.bincount(tops * 5 + lefts, minlength=15)
    # Expected 6000 / 15 = 400 of each, standard deviation sqrt(400 * 14/15) = 19.3; five of them: 96.
    assert len(counts) == 15
    assert (counts - 400).abs().max() < 96
    # Sixteen times as high as wide does not fit into four rows: the area stays, and the aspect becomes 4 to 2.
    narrow = erase(1, (0.25, 0.25), (16, 16))(torch.ones(9, 1, 4, 8), seeded())[:, 0] == 0
    assert bool((narrow.sum(1).sort(1).values == torch.tensor([0, 0, 0, 0, 0, 0, 4, 4])).all())


def test_the_whole_image_can_go() -> None:
    for shape in [(9, 9), (3, 31), (31, 3), (1, 1)]:
        gone = erase(1, (1, 1))(torch.full((50, 1, *shape), torch.inf), seeded())
        assert torch.equal(gone, torch.zeros(50, 1, *shape)), "infinity too"


def test_the_share_of_erased_images() -> None:
    erased = (erase(0.3)(torch.ones(10_000, 1, 6, 6), seeded()) == 0).flatten(1).any(1)
    assert abs(int(erased.sum()) - 3_000) < 5 * math.sqrt(10_000 * 0.3 * 0.7)


def test_mixtures_by_hand() -> None:
    shares, partners = torch.tensor([0.25, 1.0, 0.5]), torch.tensor([1, 2, 2])
    values = torch.tensor([[0.0, 8], [4, 4], [1, 2]])
    assert mixed(values, shares, partners).tolist() == [[3, 5], [4, 4], [1, 2]]


def test_mixup_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.data.mixing.beta", lambda *_: torch.tensor([0.25, 1.0, 0.5]))
    partners = torch.tensor([2, 0, 1])
    monkeypatch.setattr(torch, "randperm", lambda *_, **__: partners)
    inputs, labels = torch.tensor([0.0, 4, 8])[:, None, None, None].expand(3, 2, 1, 1), torch.tensor([2, 0, 1])
    mixture, soft = MIXUP(inputs, labels, seeded())
    assert mixture[:, :, 0, 0].tolist() == [[6, 6], [4, 4], [6, 6]]
    assert soft.tolist() == [[0, 0.75, 0.25], [1, 0, 0], [0.5, 0.5, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(6, 3, 5, 4), (1, 2), (7,)])
def test_mixup_keeps_the_shape_and_labels_add_up(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    inputs, labels = noise(*shape, dtype=dtype), torch.arange(shape[0]) % 3
    before = inputs.clone()
    mixture, soft = MIXUP(inputs, labels, seeded())
    assert (mixture.shape, mixture.dtype, mixture.is_contiguous()) == (inputs.shape, dtype, True)
    assert (soft.shape, soft.dtype, soft.is_contiguous()) == ((shape[0], 3), torch.float32, True)
    torch.testing.assert_close(soft.sum(1), torch.ones(shape[0]))
    assert torch.equal(inputs, before)


def test_inputs_and_labels_are_mixed_alike() -> None:
    labels = torch.randint(0, 3, (200,), generator=seeded(1))
    certain = torch.nn.functional.one_hot(labels, 3).float()
    mixture, soft = MIXUP(certain, labels, seeded())
    assert torch.equal(mixture, soft)
    assert not torch.equal(soft, certain)


def test_mixup_draws_from_the_generator_alone() -> None:
    inputs, labels = noise(20, 4), torch.arange(20) % 3
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = MIXUP(inputs, labels, seeded(5))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert all(torch.equal(a, b) for a, b in zip(MIXUP(inputs, labels, seeded(5)), first))
    assert not torch.equal(MIXUP(inputs, labels, seeded(6))[0], first[0])


@pytest.mark.parametrize("strength", [1e-3, 0.05, 0.2, 0.5, 1.0, 4.0, 1e3])
def test_shares_follow_the_beta_distribution(strength: float) -> None:
    count = 40_000
    shares = beta(strength, count, seeded(), torch.device("cpu"))
    assert bool(((shares >= 0) & (shares <= 1)).all()), "and none is nan"
    for threshold in (1e-6, 1e-3, 0.1, 0.3, 0.48, 0.5, 0.7, 0.9, 0.999):
        expected = stats.beta(strength, strength).cdf(threshold)
        deviation = math.sqrt(expected * (1 - expected) / count)
        assert abs(float((shares < threshold).double().mean()) - expected) <= 5 * deviation + 1e-9


@pytest.mark.parametrize(("labels", "lowest", "highest"), [([0, 3], 0, 3), ([-1, 2], -1, 2)])
def test_labels_out_of_range(labels: list[int], lowest: int, highest: int) -> None:
    message = rf"labels go from {lowest} to {highest}, but num_classes is 3, so they must lie in 0\.\.2"
    with pytest.raises(ValueError, match=message):
        MIXUP(torch.zeros(2, 4), torch.tensor(labels), seeded())


@pytest.mark.parametrize("labels", [torch.zeros(2, 3), torch.zeros(2), torch.zeros(3, dtype=torch.int64)])
def test_labels_that_are_not_one_class_each(labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"mixup needs the number of one class for each of 2 inputs: shape \[2\]"):
        MIXUP(torch.zeros(2, 4), labels, seeded())


def test_whole_numbers_are_not_mixed() -> None:
    with pytest.raises(ValueError, match=r"inputs are of type torch.uint8, which cannot hold a mixture"):
        MIXUP(torch.zeros(2, 4, dtype=torch.uint8), torch.tensor([0, 1]), seeded())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: flip(1.5), "probability is 1.5, but a chance lies between 0 and 1"),
        (lambda: flip(math.nan), "probability is nan"),
        (lambda: erase(-0.1), "probability is -0.1"),
        (lambda: erase(0.5, (0.0, 0.3)), "share is (0.0, 0.3), but"),
        (lambda: erase(0.5, (0.4, 0.3)), "share is (0.4, 0.3), but"),
        (lambda: erase(0.5, (0.4, 1.1)), "share is (0.4, 1.1), but"),
        (lambda: erase(0.5, aspect=(0.0, 3.0)), "aspect is (0.0, 3.0), but"),
        (lambda: erase(0.5, aspect=(3.0, 0.3)), "aspect is (3.0, 0.3), but"),
        (lambda: crop(-1), "padding is -1 pixels, but a margin cannot be negative"),
        (lambda: shift(-2), "padding is -2 pixels"),
        (lambda: crop(1, "edge"), "fill is 'edge', which names no way to fill a margin"),  # type: ignore[arg-type]
        (lambda: rotate(-1), "degrees is -1, but"),
        (lambda: rotate(181), "degrees is 181, but"),
        (lambda: zoom(0, 1), "factors go from 0 to 1, but"),
        (lambda: zoom(1.2, 0.8), "factors go from 1.2 to 0.8, but"),
        (lambda: zoom(1, math.inf), "factors go from 1 to inf, but"),
        (lambda: distort(-1, 1), "strength is -1, but"),
        (lambda: distort(1, 0), "smoothness is 0, but"),
        (lambda: distort(1, math.nan), "smoothness is nan, but"),
        (lambda: mixup(0, 3), "strength is 0, but"),
        (lambda: mixup(math.inf, 3), "strength is inf, but"),
        (lambda: mixup(1, 0), "num_classes is 0, but"),
    ],
)
def test_settings_that_make_no_augment(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


def test_shift_moves_each_image_by_whole_pixels() -> None:
    image = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    padded = torch.nn.functional.pad(image[0, 0], (1, 1, 1, 1))
    allowed = {tuple(padded[r : r + 3, c : c + 3].flatten().tolist()) for r in range(3) for c in range(3)}
    moved = shift(1)(image.expand(200, 1, 3, 3), torch.Generator().manual_seed(0))
    assert moved.shape == (200, 1, 3, 3)
    assert moved.is_contiguous()
    assert {tuple(each.flatten().tolist()) for each in moved} == allowed, "all nine places, and no other"


def test_shift_moves_channels_together() -> None:
    images = torch.randn(20, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    images[:, 1] = images[:, 0] * 2
    moved = shift(2)(images, torch.Generator().manual_seed(1))
    assert moved.shape == images.shape
    assert torch.equal(moved[:, 1], moved[:, 0] * 2)
    assert torch.equal(shift(0)(images, torch.Generator()), images)
