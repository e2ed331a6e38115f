"""Steps on rows: plain descent where it is safe, shorter where it is not."""

from __future__ import annotations

import pytest
import torch

from generative.damped_rows import TRUST, Table, least_curvature
from generative.word_gradients import Rows
from lab.provenance import fixed_bits


def rows(index: list[int], gradient: list[list[float]], curvature: list[float]) -> Rows:
    return Rows(torch.tensor(index), torch.tensor(gradient, dtype=torch.float32), torch.tensor(curvature))


def least(rate: float) -> torch.Tensor:
    return torch.tensor(least_curvature(rate))


both_ways = pytest.mark.parametrize("whole", [False, True], ids=["by the row", "whole table"])


@both_ways
def test_a_gentle_row_takes_the_plain_step_and_repeated_rows_add_up(whole: bool) -> None:
    table = Table(torch.ones(3, 2), whole)
    table.descend([rows([0, 2, 0], [[1, 0], [0, 2], [3, 0]], [0.1, 0.1, 0.1]), rows([0], [[0, 1]], [0.1])], least(0.5))
    assert table.vectors.tolist() == [[1 - 2.0, 1 - 0.5], [1, 1], [1, 1 - 1.0]]


@both_ways
def test_a_row_whose_curvatures_add_up_to_too_much_takes_a_shorter_one(whole: bool) -> None:
    table = Table(torch.zeros(2, 1), whole)
    # 0.5 x (20 + 12) = 16 is twice the TRUST of 8, though of the second part alone it is below.
    table.descend([rows([1, 0], [[4.0], [1.0]], [20.0, 1.0]), rows([1], [[2.0]], [12.0])], least(0.5))
    assert TRUST == 8
    assert table.vectors.flatten().tolist() == pytest.approx([-0.5, -0.5 * 6 / 2])


@both_ways
def test_a_factor_multiplies_the_gradients_but_not_the_curvatures(whole: bool) -> None:
    table = Table(torch.zeros(2, 2), whole)
    part = rows([1, 1], [[1, 2], [3, 4]], [0.1, 0.2])
    table.descend([Rows(part.index, part.gradient, part.curvature, torch.tensor([2.0, -1.0]))], least(0.5))
    assert table.vectors.tolist() == [[0, 0], [-0.5 * (2 - 3), -0.5 * (4 - 4)]]


@both_ways
def test_at_a_rate_of_0_nothing_moves(whole: bool) -> None:
    table = Table(torch.ones(2, 1), whole)
    table.descend([rows([0, 1, 0], [[4.0], [1.0], [2.0]], [20.0, 0.0, 1.0])], least(0))
    assert table.vectors.flatten().tolist() == [1, 1]


def test_the_step_does_not_depend_on_the_number_of_threads() -> None:
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(50, (5_000,), generator=generator)
    gradient, curvature = torch.randn(5_000, 100, generator=generator), torch.rand(5_000, generator=generator)
    found = []
    for threads in (1, 2, 4):
        with fixed_bits(threads=threads, deterministic=True):
            table = Table(torch.zeros(50, 100))
            table.descend([Rows(index, gradient.clone(), curvature)], least(0.1))
            found.append(table.vectors)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
