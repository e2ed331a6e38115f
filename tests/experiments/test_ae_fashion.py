"""ae_fashion: the number that it is held to is that of the principal components of its own data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.generative import ae_fashion
from generative.autoencoder import NEAREST
from generative.principal import Principal
from generative.retrieval import precision_at
from lab.data import Published, load
from lab.seeding import Seeds


@pytest.fixture
def published() -> Published:
    return load("fashion_mnist")


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("library", [10, 60_001])
def test_a_library_that_could_not_be_searched_is_refused_when_the_trial_is_built(library: int) -> None:
    with pytest.raises(ValueError, match=r"library is .* at least 11 examples are taken, .* Set it from 11 to 60,000"):
        ae_fashion.build(replace(ae_fashion.SMOKE, library=library), Seeds(0))


def test_the_bound_is_the_error_of_as_many_principal_components(published: Published) -> None:
    assert published.test is not None
    size = ae_fashion.Config().autoencoder.size
    error = Principal.of(published.train.inputs, size).error(published.test.inputs)
    assert error == pytest.approx(ae_fashion.PRINCIPAL, rel=1e-6)


def test_the_bound_beside_it_is_the_precision_by_pixels(published: Published) -> None:
    """Of the first thousand test images, a tenth of them; all take half a minute."""
    assert published.test is not None
    train, test = published.train, published.test
    queries, pixels = test.inputs[:1_000].flatten(1), train.inputs.flatten(1)
    found = precision_at(NEAREST, queries, test.labels[:1_000], pixels, train.labels)
    assert float(found) == pytest.approx(ae_fashion.PIXELS, abs=0.01)
