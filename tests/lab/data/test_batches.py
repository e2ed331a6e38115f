"""Data sets on the device: splits, exact positions, augmentation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.data import Batches, Dataset, digits, shift, split
from lab.seeding import Seeds


def numbered(size: int) -> Dataset:
    """Example i is (i, 10 i)."""
    return Dataset(torch.arange(size), torch.arange(size) * 10)


def drawn(batches: Batches, count: int) -> list[list[int]]:
    return [batches.next()[0].tolist() for _ in range(count)]


def test_a_data_set_needs_a_label_for_each_input() -> None:
    with pytest.raises(ValueError, match="There are 3 inputs but 2 labels"):
        Dataset(torch.zeros(3), torch.zeros(2))


def test_subset_and_chunks() -> None:
    inputs, labels = next(numbered(5).subset(torch.tensor([3, 1])).chunks(9))
    assert (inputs.tolist(), labels.tolist()) == ([3, 1], [30, 10])
    assert [inputs.tolist() for inputs, _ in numbered(5).chunks(2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("size", [1, 7, 10, 1_797])
def test_a_split_is_a_partition(size: int) -> None:
    parts = split(numbered(size), (0.6, 0.2, 0.2), seed=3)
    assert sorted(torch.cat([part.inputs for part in parts]).tolist()) == list(range(size))
    assert all(torch.equal(part.labels, part.inputs * 10) for part in parts)
    assert [len(part) for part in parts] == [
        round(0.6 * size), round(0.8 * size) - round(0.6 * size), size - round(0.8 * size)
    ]  # fmt: skip


def test_a_split_depends_on_its_own_seed_alone() -> None:
    torch.manual_seed(1)
    first = split(numbered(50), (0.5, 0.5), seed=3)[0].inputs
    torch.manual_seed(2)
    assert torch.equal(split(numbered(50), (0.5, 0.5), seed=3)[0].inputs, first)
    assert not torch.equal(split(numbered(50), (0.5, 0.5), seed=4)[0].inputs, first)


@pytest.mark.parametrize("shares", [(0.5, 0.6), (0.5, 0.4), (1.5, -0.5), (1.0, 0.0)])
def test_shares_that_are_no_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="They must be above 0 and add up to 1"):
        split(numbered(9), shares, seed=0)


@pytest.mark.parametrize(("size", "batch_size"), [(12, 4), (14, 4), (5, 5), (5, 1)])
def test_no_example_stands_twice_in_an_epoch(size: int, batch_size: int) -> None:
    batches = Batches(numbered(size), batch_size, Seeds(0))
    assert batches.per_epoch == size // batch_size
    orders = []
    for _ in range(5):
        epoch = drawn(batches, batches.per_epoch)
        assert {len(batch) for batch in epoch} == {batch_size}
        order = [example for batch in epoch for example in batch]
        assert len(set(order)) == len(order) == batches.per_epoch * batch_size
        orders.append(order)
    assert len({tuple(order) for order in orders}) == (5 if size > 5 else len({tuple(order) for order in orders}))
    assert orders[0] != sorted(orders[0])


def test_over_the_epochs_every_example_is_drawn_about_equally_often() -> None:
    batches = Batches(numbered(7), 4, Seeds(0))  # three of seven are left out of each epoch
    counts = torch.bincount(torch.tensor(drawn(batches, 2_000)).flatten(), minlength=7)
    # Expected 2000 * 4 / 7 = 1142.9, standard deviation sqrt(2000 * 4/7 * 3/7) = 22.1; five of them: 111.
    assert (counts - 8_000 / 7).abs().max() < 111


def test_labels_go_with_their_inputs() -> None:
    inputs, labels = Batches(numbered(20), 6, Seeds(1)).next()
    assert torch.equal(labels, inputs * 10)


def test_the_order_depends_on_the_seeds_alone() -> None:
    torch.manual_seed(1)
    first = drawn(Batches(numbered(20), 6, Seeds(1)), 9)
    torch.manual_seed(2)
    assert drawn(Batches(numbered(20), 6, Seeds(1)), 9) == first
    assert drawn(Batches(numbered(20), 6, Seeds(2)), 9) != first


@pytest.mark.parametrize("position", range(9))
def test_a_position_is_gone_on_from_exactly(position: int) -> None:
    def noisy(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return inputs * 1_000 + torch.randint(0, 1_000, inputs.shape, generator=generator)

    straight = Batches(numbered(14), 4, Seeds(1), augment=noisy)
    drawn(straight, position)
    resumed = Batches(numbered(14), 4, Seeds(1), augment=noisy)
    resumed.load_state_dict(straight.state_dict())
    assert drawn(resumed, 12) == drawn(straight, 12)


def test_augmentation_is_reproducible_and_new_in_every_epoch() -> None:
    def noise(inputs: Tensor, generator: torch.Generator) -> Tensor:
        return torch.rand(inputs.shape, generator=generator)

    def stream(seed: int) -> list[list[int]]:
        return drawn(Batches(numbered(8), 4, Seeds(seed), augment=noise), 6)

    assert stream(1) == stream(1)
    assert stream(1) != stream(2)
    assert len({tuple(batch) for batch in stream(1)}) == 6


@pytest.mark.parametrize("batch_size", [0, -1, 9])
def test_a_batch_size_without_a_full_batch(batch_size: int) -> None:
    with pytest.raises(ValueError, match=rf"batch_size is {batch_size} but the data set holds 8 .* from 1 to 8"):
        Batches(numbered(8), batch_size, Seeds(0))


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


def test_digits() -> None:
    data = digits()
    assert data.inputs.shape == (1_797, 1, 8, 8)
    assert (float(data.inputs.min()), float(data.inputs.max())) == (0.0, 1.0)
    assert torch.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI's counts
    assert data.labels[:5].tolist() == [0, 1, 2, 3, 4]
