"""Graphed: a function as it is on a processor, a graph on a GPU."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from lab.recording import WARM_UPS, Graphed

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class Counter:
    """Adds its input to a total, in place."""

    def __init__(self, device: str):
        self.total, self.calls = torch.zeros(3, device=device), 0
        self.recorded = Graphed(self.add, torch.device(device))

    def add(self, value: Tensor) -> tuple[Tensor, ...]:
        self.calls += 1
        return (self.total.add_(value),)


def test_on_a_processor_it_is_the_function_itself() -> None:
    counter = Counter("cpu")
    for _ in range(WARM_UPS + 3):
        (total,) = counter.recorded(torch.ones(3))
    assert total is counter.total
    assert counter.calls == WARM_UPS + 3


def test_a_copy_works_on_its_own_memory() -> None:
    counter = Counter("cpu")
    copied = deepcopy(counter)
    copied.recorded(torch.ones(3))
    assert copied.total.tolist() == [1, 1, 1]
    assert counter.total.tolist() == [0, 0, 0]


@on_gpu
def test_every_call_is_made_once_and_what_it_gave_stays() -> None:
    counter = Counter("cuda")
    totals = [counter.recorded(torch.full((3,), float(i)))[0] for i in range(8)]
    assert [total[0].item() for total in totals] == [0, 1, 3, 6, 10, 15, 21, 28]
    assert counter.calls == WARM_UPS + 1  # the last of them recorded


@on_gpu
def test_inputs_of_another_shape_are_recorded_apart() -> None:
    counter = Counter("cuda")
    for i in range(8):
        counter.recorded(torch.ones(3))
        counter.recorded(torch.ones(1))
        assert counter.total.tolist() == [2 * i + 2] * 3


@on_gpu
def test_random_numbers_go_on_as_without_recording() -> None:
    drawn = []
    for recording in (True, False):
        generator = torch.Generator("cuda").manual_seed(3)

        def draw(value: Tensor, generator: torch.Generator = generator) -> tuple[Tensor, ...]:
            return (value + torch.randn(5, generator=generator, device="cuda"),)

        recorded = Graphed(draw, torch.device("cuda"), generators=(generator,))
        numbers = [(recorded if recording else draw)(torch.zeros(5, device="cuda"))[0] for _ in range(8)]
        drawn.append((torch.stack(numbers).tolist(), generator.get_state().tolist()))
    assert drawn[0] == drawn[1]
