"""What generative learners ask of their inputs before the first update."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from lab.data import Dataset


def check_inputs(parts: Mapping[str, Dataset], right: Callable[[Tensor], Tensor], wrong: str) -> None:
    """Raises ValueError, naming the part and the first input [N, ...] of which a number is not `right`.

    `wrong` goes on from "Input 3 of the test set" and says what to do.
    """
    for name, dataset in parts.items():
        check_each(dataset.inputs, right, f"of the {name} set {wrong}")


def check_each(inputs: Tensor, right: Callable[[Tensor], Tensor], wrong: str) -> None:
    """The same of inputs [N, ...] alone, where `wrong` goes on from "Input 3". It waits for the device."""
    whole = right(inputs).flatten(1).all(1)
    if not whole.all():
        raise ValueError(f"Input {int((~whole).nonzero()[0])} {wrong}")


def within_0_and_1(inputs: Tensor) -> Tensor:
    """Which numbers lie from 0 to 1: bool of the same shape."""
    return (inputs >= 0) & (inputs <= 1)


def zero_or_one(inputs: Tensor) -> Tensor:
    """Which numbers are bits: bool of the same shape."""
    return (inputs == 0) | (inputs == 1)
