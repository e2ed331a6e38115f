"""Batches: an endless stream from a data set on the device, with an exact position."""

from __future__ import annotations

import torch
from torch import Tensor

from lab.data.augmentation import Augment
from lab.data.dataset import Dataset
from lab.data.mixing import BatchAugment
from lab.seeding import Seeds
from lab.trial import State


class Batches:
    """An endless stream of shuffled batches from a set that lies on the device.

    Every epoch's order is a function of (seeds, epoch), and every batch's augmentation of (seeds, epoch, position), so
    the exact position is two numbers and resuming draws nothing again. A last batch that would be smaller
    is left out, so that all updates weigh the same; over the epochs no example is left out more than another.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seeds: Seeds,
        *,
        augment: Augment | None = None,
        mix: BatchAugment | None = None,
    ):
        """`augment` changes the inputs of a batch, and then `mix` both inputs and labels."""
        check_batch_size(batch_size, len(dataset))
        self.dataset, self.batch_size, self.seeds, self.augment, self.mix = dataset, batch_size, seeds, augment, mix
        self.epoch, self.position = 0, 0  # the position counts examples within the epoch
        self._generator = torch.Generator(dataset.inputs.device)
        self._order = self._shuffled()

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self.dataset) // self.batch_size

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: inputs [B, ...], labels [B, ...], or with `mix` soft ones [B, classes]."""
        if self.position + self.batch_size > len(self.dataset):
            self.epoch, self.position = self.epoch + 1, 0
            self._order = self._shuffled()
        chosen = self._order[self.position : self.position + self.batch_size]
        inputs, labels = self.dataset.inputs.index_select(0, chosen), self.dataset.labels.index_select(0, chosen)
        if self.augment is not None or self.mix is not None:
            self._generator.manual_seed(self.seeds.derive(f"augment/{self.epoch}/{self.position}"))
        if self.augment is not None:
            inputs = self.augment(inputs, self._generator)
        if self.mix is not None:
            inputs, labels = self.mix(inputs, labels, self._generator)
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


def check_batch_size(batch_size: int, num_examples: int) -> None:
    """Raises ValueError where no batch of that size can be drawn from so many examples."""
    if not 1 <= batch_size <= num_examples:
        raise ValueError(
            f"batch_size is {batch_size} but the data set holds {num_examples} examples, so no full batch exists. "
            f"Choose a batch_size from 1 to {num_examples}."
        )
