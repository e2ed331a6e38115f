"""Batches: every example, exact positions, augmentation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.data import Batches, Dataset, mixup
from lab.seeding import Seeds
from tests.lab.data.cases import numbered


def drawn(batches: Batches, count: int) -> list[list[int]]:
    return [batches.next()[0].tolist() for _ in range(count)]


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
    assert len({tuple(order) for order in orders}) > (4 if size > 5 else 1)
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


@pytest.mark.parametrize("position", [0, 1, 2, 5])
def test_mixing_goes_on_exactly_and_takes_what_was_augmented(position: int) -> None:
    data = Dataset(torch.arange(8.0)[:, None], torch.arange(8) % 3)

    def stream() -> Batches:
        return Batches(data, 4, Seeds(1), augment=lambda inputs, _: inputs + 100, mix=mixup(0.4, 3))

    straight, resumed = stream(), stream()
    for _ in range(position):
        straight.next()
    resumed.load_state_dict(straight.state_dict())
    for _ in range(4):
        inputs, labels = straight.next()
        again, labels_again = resumed.next()
        assert torch.equal(inputs, again)
        assert torch.equal(labels, labels_again)
        assert inputs.min() >= 100
        assert labels.shape == (4, 3)
        torch.testing.assert_close(labels.sum(-1), torch.ones(4))
