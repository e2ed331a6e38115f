"""Later: what is computed beside the thread that asked for it, on another core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")


class Later(Generic[T]):
    """A computation that another thread does meanwhile; it must not depend on anything that changes until then.

    It has one thread of torch, so that the other cores are left to whoever asked: who works on in the meantime does so
    best in `one_thread()`, too. Where torch has but one thread, it is done at once, to the same bits.
    """

    def __init__(self, compute: Callable[[], T], *, beside: bool = True):
        """Without `beside` it is done at once, too, with all threads."""
        self._result: Future[T] | T
        if not beside or torch.get_num_threads() == 1:
            self._result = compute()
        else:
            self._result = _beside().submit(_alike, compute, _flushes_denormals())

    def result(self) -> T:
        """What was computed; waits for it, and raises what the computation raised."""
        if isinstance(self._result, Future):
            self._result = self._result.result()
        return self._result

    def __getstate__(self) -> dict[str, Any]:
        """For copies: the result."""
        return {"_result": self.result()}


@cache
def _beside() -> ThreadPoolExecutor:
    """One thread for all, as two at a time would have to share a core."""
    return ThreadPoolExecutor(1, thread_name_prefix="later", initializer=_begin)


def _begin() -> None:
    # A thread's first look at torch's number of threads sets it to what any thread set last.
    torch.get_num_threads()
    torch.set_num_threads(1)


def _alike(compute: Callable[[], T], flushes_denormals: bool) -> T:
    """Computes to the same bits as the thread that asked."""
    torch.set_flush_denormal(flushes_denormals)
    return compute()


def _flushes_denormals() -> bool:
    """Whether this thread takes numbers below 1e-38 for 0, which each thread decides for itself."""
    return float(torch.tensor(1e-38) * 0.1) == 0.0


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, this thread computes with one thread of torch; to say so takes less than a microsecond."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
