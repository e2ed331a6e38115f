"""ae_fashion: the number that it is held to is that of the principal components of its own data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.generative import ae_fashion
from generative.principal import Principal
from lab.data import DataError, load
from lab.seeding import Seeds


@pytest.mark.parametrize("library", [10, 60_001])
def test_a_library_that_could_not_be_searched_is_refused_when_the_trial_is_built(library: int) -> None:
    try:
        load("fashion_mnist")
    except DataError as error:
        pytest.skip(str(error))
    with pytest.raises(ValueError, match=r"library is .* at least 11 examples are taken, .* Set it from 11 to 60,000"):
        ae_fashion.build(replace(ae_fashion.SMOKE, library=library), Seeds(0))


def test_the_bound_is_the_error_of_as_many_principal_components() -> None:
    try:
        published = load("fashion_mnist")
    except DataError as error:
        pytest.skip(str(error))
    assert published.test is not None
    size = ae_fashion.Config().autoencoder.size
    error = Principal.of(published.train.inputs, size).error(published.test.inputs)
    assert error == pytest.approx(ae_fashion.PRINCIPAL, rel=1e-6)
