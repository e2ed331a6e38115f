"""Work that a GPU is given whole: recorded once as a CUDA graph, then launched by one call in place of hundreds.

Where kernels take microseconds, to launch them one by one takes longer than to run them. Source: NVIDIA, CUDA C++
programming guide, "CUDA graphs".
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

WARM_UPS = 3  # calls that run as they are: libraries get ready in them, and optimisers make their moments

Key = tuple[tuple[torch.Size, torch.dtype], ...]


class Graphed:
    """A function of tensors that gives tensors; on a GPU, it is recorded once for each shape of its inputs.

    What it does must be done by the device: it waits for nothing, and Python's part of it runs in the first calls only.
    Whatever it reads or writes besides its inputs has to stay where it is, or `forget` has to be called. The same
    kernels run in the same order as without recording, and so give the same bits.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        device: torch.device,
        generators: Iterable[torch.Generator] = (),
    ):
        """With those generators on the device that the function draws from, the default one apart."""
        self.function, self.device, self.generators = function, device, tuple(generators)
        self.forget()

    def forget(self) -> None:
        """Records anew from the next calls on."""
        self._calls: dict[Key, int] = {}
        self._recordings: dict[Key, _Recording] = {}
        self._stream: torch.cuda.Stream | None = None

    def __getstate__(self) -> dict[str, Any]:
        """For copies: what was recorded works on the original's memory."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.forget()

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs may lie on the host. What a GPU returns is the caller's own and not written to again."""
        if self.device.type != "cuda":
            return self.function(*inputs)
        with torch.cuda.device(self.device):
            return self._launched(inputs)

    def _launched(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        key = tuple((each.shape, each.dtype) for each in inputs)
        if key not in self._recordings:
            self._stream = self._stream or torch.cuda.Stream(self.device)
            there = tuple(each.to(self.device, non_blocking=True) for each in inputs)
            if self._calls.setdefault(key, 0) < WARM_UPS:
                self._calls[key] += 1
                return self._warm_up(self._stream, there)
            self._recordings[key] = _Recording(self.function, there, self.generators, self._stream)
        return self._recordings[key](inputs)

    def _warm_up(self, stream: torch.cuda.Stream, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """As it is, but on the stream that will record: what autograd keeps of a stream is kept of this one."""
        before = torch.cuda.current_stream(self.device)
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            outputs = self.function(*inputs)
        before.wait_stream(stream)
        return tuple(each.clone() for each in outputs)


class _Recording:
    """One graph and the memory that it reads its inputs from and writes its outputs to."""

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        inputs: tuple[Tensor, ...],
        generators: tuple[torch.Generator, ...],
        stream: torch.cuda.Stream,
    ):
        self.inputs = [each.clone() for each in inputs]
        self.graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self.graph.register_generator_state(generator)
        # Of this thread alone: another one may be saving a checkpoint, or have a GPU of its own at work.
        with (
            _nothing_collected(),
            torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"),
        ):
            self.outputs = function(*self.inputs)

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for mine, given in zip(self.inputs, inputs):
            mine.copy_(given, non_blocking=True)
        self.graph.replay()
        return tuple(each.clone() for each in self.outputs)


def on_its_way(tensor: Tensor) -> Callable[[], np.ndarray]:
    """A copy of a tensor for the host; the call that gives it waits for what the device was given before, no longer."""
    if tensor.device.type != "cuda":
        return tensor.cpu().numpy
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    there.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record(torch.cuda.current_stream(tensor.device))

    def array() -> np.ndarray:
        arrived.synchronize()
        return there.numpy()

    return array


@contextmanager
def in_any_order() -> Iterator[None]:
    """Inside, kernels may write in any order: for writes to places of their own, which torch would sort otherwise."""
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Inside, Python collects no garbage: a graph in it would be freed, which ends a recording that goes on."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
