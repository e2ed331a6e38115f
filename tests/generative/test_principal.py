"""Principal components, against the eigenvectors of the covariance."""

from __future__ import annotations

import pytest
import torch

from experiments.generative import ae_linear_digits
from generative.principal import Principal
from lab.data import digits


def test_what_is_lost_is_the_variance_along_the_other_eigenvectors() -> None:
    inputs = torch.randn(100, 2, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 0.5]) + 4
    principal = Principal.of(inputs, 2)
    flat = inputs.flatten(1).double()
    centred = flat - flat.mean(0)
    values = torch.linalg.eigvalsh(centred.T @ centred / len(flat))  # ascending
    assert principal.error(inputs) == pytest.approx(float(values[:-2].sum()) / 6)
    assert torch.allclose(principal.components @ principal.components.T, torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize("size", [0, 7])
def test_more_components_than_there_are_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"size is {size}, but of 100 inputs of 6 numbers .* Set it from 1 to 6"):
        Principal.of(torch.rand(100, 2, 3), size)


def test_the_number_that_an_experiment_is_held_to_is_that_of_its_data() -> None:
    inputs = digits().inputs
    error = Principal.of(inputs, ae_linear_digits.Config().autoencoder.size).error(inputs)
    assert error == pytest.approx(ae_linear_digits.PRINCIPAL, rel=1e-6)
