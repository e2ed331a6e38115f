"""Data held whole on the device: labelled sets, splits, and batches with an exact position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.seeding import Seeds
from lab.trial import State

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""(inputs [B, ...], a generator on their device) -> inputs [B, ...]: a whole batch at once."""


@dataclass(frozen=True)
class Dataset:
    """Inputs [N, ...] and labels [N, ...]: example i is (inputs[i], labels[i])."""

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(
                f"There are {len(self.inputs)} inputs but {len(self.labels)} labels. Each example needs one of each."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device | str) -> Dataset:
        """The same examples on another device."""
        return Dataset(self.inputs.to(device), self.labels.to(device))

    def subset(self, indices: Tensor) -> Dataset:
        """The examples at `indices` [K], in that order."""
        return Dataset(self.inputs[indices], self.labels[indices])

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, `size` at a time; the last chunk may be smaller."""
        yield from zip(self.inputs.split(size), self.labels.split(size))


def split(dataset: Dataset, shares: Sequence[float], seed: int) -> list[Dataset]:
    """Parts a data set at random into `shares` of it (which add up to 1), by a seed of its own.

    The split belongs to the data, not to the run: all seeds of an experiment are judged on the same examples.
    """
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise ValueError(f"The shares {tuple(shares)} add up to {sum(shares)}. They must be above 0 and add up to 1.")
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    ends = [round(sum(shares[: i + 1]) * len(dataset)) for i in range(len(shares))]
    starts = [0, *ends[:-1]]
    return [dataset.subset(order[start:end].to(dataset.inputs.device)) for start, end in zip(starts, ends)]


class Batches:
    """An endless stream of shuffled batches from a set that lies on the device.

    Every epoch's order is a function of (seeds, epoch), and every batch's augmentation of (seeds, epoch, position), so
    the exact position is two numbers and resuming draws nothing again. A last batch that would be smaller
    is left out, so that all updates weigh the same; over the epochs no example is left out more than another.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seeds: Seeds, *, augment: Augment | None = None):
        if not 1 <= batch_size <= len(dataset):
            raise ValueError(
                f"batch_size is {batch_size} but the data set holds {len(dataset)} examples, so no full batch exists. "
                f"Choose a batch_size from 1 to {len(dataset)}."
            )
        self.dataset, self.batch_size, self.seeds, self.augment = dataset, batch_size, seeds, augment
        self.epoch, self.position = 0, 0  # the position counts examples within the epoch
        self._generator = torch.Generator(dataset.inputs.device)
        self._order = self._shuffled()

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self.dataset) // self.batch_size

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: inputs [B, ...], labels [B, ...]."""
        if self.position + self.batch_size > len(self.dataset):
            self.epoch, self.position = self.epoch + 1, 0
            self._order = self._shuffled()
        chosen = self._order[self.position : self.position + self.batch_size]
        inputs, labels = self.dataset.inputs.index_select(0, chosen), self.dataset.labels.index_select(0, chosen)
        if self.augment is not None:
            self._generator.manual_seed(self.seeds.derive(f"augment/{self.epoch}/{self.position}"))
            inputs = self.augment(inputs, self._generator)
        self.position += self.batch_size
        return inputs, labels

    def state_dict(self) -> State:
        """The position in the stream."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        self.epoch, self.position = state["epoch"], state["position"]
        self._order = self._shuffled()

    def _shuffled(self) -> Tensor:
        # Drawn on the CPU whatever the device is, so that a GPU sees the examples in the same order.
        order = torch.randperm(len(self.dataset), generator=self.seeds.generator(f"epoch/{self.epoch}"))
        return order.to(self.dataset.inputs.device)


def shift(pixels: int) -> Augment:
    """Moves each image [B, C, H, W] by up to `pixels` up or down and left or right, padding with zeros."""

    def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
        batch, _, height, width = images.shape
        offsets = torch.randint(0, 2 * pixels + 1, (2, batch, 1), generator=generator, device=images.device)
        padded = torch.nn.functional.pad(images, (pixels,) * 4)
        rows = torch.arange(height, device=images.device) + offsets[0]  # [B, H]
        columns = torch.arange(width, device=images.device) + offsets[1]  # [B, W]
        examples = torch.arange(batch, device=images.device)[:, None, None]
        # Indices around a slice put the indexed axes first: [B, H, W, C].
        return padded[examples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()

    return shifted
