"""Experience replay: the newest transitions in a ring on the device, drawn from uniformly."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.agent import Transition
from lab.trial import State


class Batch(NamedTuple):
    """Transitions drawn for learning, on the replay's device; the leading axes are those that were asked for."""

    observation: Tensor  # [..., *observation_shape]
    action: Tensor  # [...] int64
    reward: Tensor  # [...] float32
    discount: Tensor  # [...] float32
    next_observation: Tensor  # [..., *observation_shape]


class Replay:
    """A ring of the newest `capacity` transitions of any number of environments, allocated at once.

    A transition is written once to a row and stays there until the ring comes round, so a checkpoint that stores
    only what changed stays small. Source: Lin 1992; Mnih et al. 2015, methods.
    """

    def __init__(
        self,
        capacity: int,
        observation_shape: tuple[int, ...],
        observation_dtype: np.dtype | type,
        generator: torch.Generator,
    ):
        """With the generator that `draw` draws from; its device is the replay's.

        Raises ValueError if the memory of the device is too small.
        """
        if capacity < 1:
            raise ValueError(f"replay_capacity is {capacity} transitions, but a replay holds at least one.")
        self.capacity, self.generator, self.device = capacity, generator, generator.device
        dtype = torch.from_numpy(np.empty(0, observation_dtype)).dtype
        _check_memory(capacity, observation_shape, dtype, self.device)
        self._storage = Batch(
            torch.empty(capacity, *observation_shape, dtype=dtype, device=self.device),
            torch.empty(capacity, dtype=torch.int64, device=self.device),
            torch.empty(capacity, dtype=torch.float32, device=self.device),
            torch.empty(capacity, dtype=torch.float32, device=self.device),
            torch.empty(capacity, *observation_shape, dtype=dtype, device=self.device),
        )
        self._rows = self._through_numpy()
        self._added = 0  # transitions since the beginning; row of the next one is _added % capacity

    def _through_numpy(self) -> list[np.ndarray] | None:
        """The same memory as arrays, if numpy can reach it: that writes a row in a fraction of the time of torch."""
        return [field.numpy() for field in self._storage] if self.device.type == "cpu" else None

    def __getstate__(self) -> dict[str, Any]:
        """For copies, whose arrays would be memory of their own and not that of their tensors."""
        return {name: value for name, value in vars(self).items() if name != "_rows"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._rows = self._through_numpy()

    def __len__(self) -> int:
        return min(self._added, self.capacity)

    def add(self, transition: Transition) -> None:
        """Writes one transition of each of N environments, over the oldest ones once the ring is full."""
        num = len(transition.reward)
        if num > self.capacity:
            raise ValueError(
                f"{num} environments step at once, but the replay holds {self.capacity} transitions. "
                f"Set replay_capacity to {num} at least."
            )
        first = self._added % self.capacity
        # A slice where it can be, which is faster; row numbers where the ring comes round.
        straight = first + num <= self.capacity
        rows = slice(first, first + num) if straight else np.arange(first, first + num) % self.capacity
        fields = (
            transition.observation,
            transition.action,
            transition.reward,
            transition.discount,
            transition.next_observation,
        )
        if self._rows is not None:
            for field, value in zip(self._rows, fields):
                field[rows] = value
        else:
            for store, value in zip(self._storage, fields):
                # Without waiting for the device; the host's memory is read before the call returns.
                store[rows] = torch.from_numpy(np.asarray(value)).to(store, non_blocking=True)
        self._added += num

    def draw(self, count: int) -> Tensor:
        """The rows [count] of transitions drawn uniformly and with replacement, for `at`."""
        return torch.randint(len(self), (count,), generator=self.generator, device=self.device)

    def newest(self, count: int) -> Tensor:
        """The rows of the transitions added last, oldest first: [count], fewer if there are fewer."""
        count = min(count, len(self))
        return torch.arange(self._added - count, self._added, device=self.device) % self.capacity

    def at(self, rows: Tensor) -> Batch:
        """The transitions in these rows: fields [*rows.shape, ...]."""
        flat = rows.reshape(-1)
        return Batch(*(field.index_select(0, flat).unflatten(0, rows.shape) for field in self._storage))

    def state_dict(self) -> State:
        """The rows that are filled, as they lie in memory (not copies), and the generator."""
        filled = {name: field[: len(self)] for name, field in self._storage._asdict().items()}
        return {
            "rows": filled,
            "added": self._added,
            "capacity": self.capacity,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state. Raises ValueError if it is of another capacity."""
        if state["capacity"] != self.capacity:
            raise ValueError(
                f"The saved replay is a ring of {state['capacity']} transitions, but here it has {self.capacity}: "
                "its rows would be in other places. Go on with the replay_capacity that the run began with."
            )
        self._added = state["added"]
        for name, field in self._storage._asdict().items():
            field[: len(self)] = state["rows"][name]
        self.generator.set_state(state["generator"])


def _check_memory(capacity: int, observation_shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    """Refuses, before anything is allocated, a ring that does not fit; with the arithmetic."""
    observation = prod(observation_shape) * dtype.itemsize
    transition = 2 * observation + 16  # and an action of 8 bytes, a reward and a discount of 4 each
    needed, free = capacity * transition, free_memory(device)
    if needed > free:
        raise ValueError(
            f"A replay of {capacity:,} transitions needs {needed / 2**30:.1f} GiB: 2 observations of {observation:,} "
            f"bytes and 16 more, {transition:,} bytes each. {device} has {free / 2**30:.1f} GiB free. "
            f"Set replay_capacity to {int(0.9 * free / transition):,} at most."
        )


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on a device: of a processor what the system and its container leave."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        available = int(lines["MemAvailable"].split()[0]) * 1024
    else:
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        available = min(available, int(text) - int(used.read_text()))
    return available
