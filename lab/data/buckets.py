"""Buckets: batches of sequences of about equal length, so that little of a batch is padding."""

from __future__ import annotations

import torch
from torch import Tensor

from lab.data.batches import check_batch_size
from lab.data.sequences import SequenceSet
from lab.seeding import Seeds
from lab.trial import State


class BucketedBatches:
    """An endless stream of shuffled batches from sequences that lie on the device.

    Every epoch's examples are shuffled, then sorted by length within pools of `pool` batches, cut into batches, and
    the batches of all pools shuffled: with a pool of 1 the order is wholly random, with all in one pool the least is
    padded. The order is a function of (seeds, epoch), so the exact position is two numbers. Examples that would make up
    a smaller batch are left out, others in every epoch.
    """

    def __init__(self, dataset: SequenceSet, batch_size: int, seeds: Seeds, *, pool: int = 50):
        check_batch_size(batch_size, len(dataset))
        if pool < 1:
            raise ValueError(f"pool is {pool}, but it counts batches that are sorted together. Set it to 1 or more.")
        self.dataset, self.batch_size, self.seeds, self.pool = dataset, batch_size, seeds, pool
        self.epoch, self.position = 0, 0  # the position counts batches within the epoch
        self._lengths = dataset.lengths.cpu()
        self._order = self._shuffled()

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self.dataset) // self.batch_size

    def next(self) -> tuple:
        """The next batch: `Padded` for each ragged field, a tensor [B, ...] for each other."""
        if self.position == self.per_epoch:
            self.epoch, self.position = self.epoch + 1, 0
            self._order = self._shuffled()
        chosen = self._order[self.position]
        self.position += 1
        return self.dataset.batch(chosen)

    def state_dict(self) -> State:
        """The position in the stream."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: State) -> None:
        """Goes to a position in the stream."""
        self.epoch, self.position = state["epoch"], state["position"]
        self._order = self._shuffled()

    def _shuffled(self) -> Tensor:
        """The epoch's examples: [batches, batch size]."""
        # Drawn on the CPU whatever the device is, so that a GPU sees the examples in the same order.
        generator = self.seeds.generator(f"epoch/{self.epoch}")
        order = torch.randperm(len(self.dataset), generator=generator)[: self.per_epoch * self.batch_size]
        pools = [pool[self._lengths[pool].argsort(stable=True)] for pool in order.split(self.pool * self.batch_size)]
        batches = torch.cat(pools).reshape(self.per_epoch, self.batch_size)
        shuffled = batches[torch.randperm(self.per_epoch, generator=generator)]
        return shuffled.to(self.dataset.lengths.device)
