"""Data-parallel training: several processes take each step together, every one with its share of the batch.

They hold the same weights and meet in collective calls, which all of them make in the same order; where there is one
process alone, these calls do nothing. Between processes on CPUs gloo carries what is said, between GPUs NCCL. Source:
Li et al. 2020, "PyTorch distributed: experiences on accelerating data parallel training", section 2.3.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")
PATIENCE = timedelta(hours=1)  # with which one waits for another, which may be drawing pictures or saving
ASK_EVERY = 0.25  # seconds, about, between two agreements on whether to stop


class PeerError(RuntimeError):
    """Another of the processes that train together is gone."""


@runtime_checkable
class Divisible(Protocol):
    """A trial whose steps several processes can take together."""

    def check_shares(self, processes: int) -> None:
        """Raises ValueError where so many cannot."""
        ...


def size() -> int:
    """How many processes train together, this one included."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among them, from 0; the first alone writes."""
    return dist.get_rank() if size() > 1 else 0


@contextmanager
def joined() -> Iterator[None]:
    """Inside, this process is one of those that torchrun has started with it; alone where it has not.

    The process of rank r takes cuda:r where there are as many GPUs: 'cuda' then means that one.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield
        return
    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def check_divisible(trial: object, processes: int) -> None:
    """Raises ValueError where a trial cannot be trained by so many processes together."""
    if processes == 1:
        return
    if not isinstance(trial, Divisible):
        raise ValueError(
            f"devices is {processes}, but {type(trial).__name__} has no batches to be shared among them. Run it on "
            "one (--devices 1); several seeds can run side by side (--jobs)."
        )
    trial.check_shares(processes)


def check_devices(device: torch.device | None, processes: int, runs: int = 1) -> None:
    """Raises ValueError where `runs` side by side have no device for each of so many processes; None is not known."""
    if processes < 1:
        raise ValueError(f"devices is {processes}. It must be at least 1.")
    if processes == 1 or device is None or device.type == "cpu":
        return
    if device.type != "cuda" or device.index is not None:
        raise ValueError(
            f"devices is {processes}, but run.device is '{device}', which is one. Set run.device to 'cuda', so that "
            "each process takes a GPU of its own, or to 'cpu'."
        )
    if runs > 1:
        raise ValueError(
            f"devices is {processes} with {runs} runs at a time, which would all take the same GPUs. Run one at a time "
            "(--jobs 1)."
        )
    if (there := torch.cuda.device_count()) < processes:
        raise ValueError(
            f"devices is {processes}, but this machine has {there} GPU{'s' if there != 1 else ''} and each process "
            f"takes one. Lower devices to at most {there}, or set run.device to 'cpu'."
        )


def share(batch: Tensor) -> Tensor:
    """This process's part of a batch [B, ...] that all of them have drawn: [B / size, ...]. Size must divide B."""
    if (processes := size()) == 1:
        return batch
    length = len(batch) // processes
    return batch.narrow(0, rank() * length, length)


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Makes of each tensor, in place, its mean over all processes, to the same bits in each; one message for all.

    The tensors lie on one device. One that is not finite in any process is so in all of them afterwards.
    """
    if (processes := size()) == 1 or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with _reached():
        dist.all_reduce(flat)
    flat /= processes
    parts = flat.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view(tensor.shape) for part, tensor in zip(parts, tensors)])


def averaged(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The means of tensors over all processes; these stay as they are."""
    if size() == 1:
        return dict(tensors)
    means = {name: tensor.clone() for name, tensor in tensors.items()}
    average(list(means.values()))
    return means


def gathered(value: T) -> list[T]:
    """The values of all processes, by rank; what pickle can carry."""
    if (processes := size()) == 1:
        return [value]
    values: list[T] = [value] * processes
    with _reached():
        dist.all_gather_object(values, value)
    return values


def from_first(value: T) -> T:
    """The first process's value."""
    return gathered(value)[0]


def same(value: T) -> T:
    """The value, which must be the same in all processes. Raises RuntimeError if it is not."""
    values = gathered(value)
    if any(each != value for each in values):
        raise RuntimeError(
            f"The {len(values)} processes should have come to the same, but by rank they have {values}. Something that "
            "is learnt depends on the process, such as a generator that all of them should draw alike from, or an "
            "optimiser beside lab.optim.Descent; or one could not read a checkpoint. Run on one device (--devices 1), "
            "and look for it in the learner."
        )
    return value


class Agreement:
    """Whether to stop, decided by all processes for the same step.

    They ask each other a few times a second and not after every step, which small steps would feel; how many steps lie
    between is measured by the first.
    """

    def __init__(self) -> None:
        self._alone = size() == 1
        self._between = self._left = 1  # steps
        self._asked = time.monotonic()

    def __call__(self, reason: str) -> str:
        """After each step: why this process would stop, or nothing; returns the first reason of any, once all know."""
        if self._alone:
            return reason
        self._left -= 1
        if self._left:
            return ""
        now = time.monotonic()
        pace = self._between / max(now - self._asked, 1e-6)  # steps a second
        plans = gathered((reason, min(max(1, int(pace * ASK_EVERY)), 2 * self._between)))
        self._asked, self._between = now, plans[0][1]
        self._left = self._between
        return next((said for said, _ in plans if said), "")


@contextmanager
def _reached() -> Iterator[None]:
    """Says in the lab's words that a collective call has not come about."""
    try:
        yield
    except RuntimeError as error:
        raise PeerError(
            f"Another of the {size()} processes that train together is gone or does not answer "
            f"({str(error).partition(chr(10))[0]}). If it failed, log.txt says why. The same command goes on from the "
            "newest checkpoint."
        ) from error
