"""What is computed beside the thread that asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from threading import Event, current_thread

import pytest
import torch

from agents.later import Later, one_thread
from lab.provenance import fixed_bits


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_is_computed_while_the_asker_goes_on() -> None:
    going_on = Event()
    later = Later(lambda: going_on.wait(10))
    going_on.set()
    assert later.result() is True
    assert later.result() is True


def test_computes_in_one_thread_of_torch_and_leaves_the_askers_alone() -> None:
    assert Later(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == 2
    with one_thread():
        assert torch.get_num_threads() == 1
        assert Later(lambda: current_thread().name).result() == current_thread().name  # none to spare: at once
    assert torch.get_num_threads() == 2
    assert Later(torch.get_num_threads).result() == 1


def test_is_done_at_once_if_so_wanted() -> None:
    done: list[str] = []
    Later(lambda: done.append(current_thread().name), beside=False)
    assert done == [current_thread().name]


@pytest.mark.parametrize("deterministic", [True, False])
def test_flushes_denormals_as_the_asker_does(deterministic: bool) -> None:
    denormal = lambda: float(torch.tensor(1e-38) * 0.5)  # noqa: E731
    assert Later(denormal).result() == denormal() > 0
    with fixed_bits(2, deterministic):
        assert Later(denormal).result() == denormal() == 0
    assert Later(denormal).result() > 0


def test_what_goes_wrong_is_raised_to_whoever_wants_the_result() -> None:
    later = Later(lambda: [][0])
    with pytest.raises(IndexError):
        later.result()


def test_a_copy_has_the_result() -> None:
    asked: list[int] = []
    later = Later(lambda: asked.append(1) or len(asked))
    assert deepcopy(later).result() == later.result() == 1
