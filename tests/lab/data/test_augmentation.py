"""Augments against numbers worked out by hand, against SciPy, and against what every augment promises."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import lab.data
from lab.data import Augment, Batches, Dataset, compose, crop, distort, erase, flip, mixup, rotate, shift, zoom
from lab.seeding import Seeds
from tests.lab.data.cases import noise, seeded

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
