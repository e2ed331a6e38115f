"""ae_fashion: the number that it is held to is that of the principal components of its own data."""

from __future__ import annotations

import pytest

from experiments.generative import ae_fashion
from generative.principal import Principal
from lab.data import DataError, load


def test_the_bound_is_the_error_of_as_many_principal_components() -> None:
    try:
        published = load("fashion_mnist")
    except DataError as error:
        pytest.skip(str(error))
    assert published.test is not None
    size = ae_fashion.Config().autoencoder.size
    error = Principal.of(published.train.inputs, size).error(published.test.inputs)
    assert error == pytest.approx(ae_fashion.PRINCIPAL, rel=1e-6)
