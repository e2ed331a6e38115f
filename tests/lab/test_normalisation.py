"""Normalisation against numbers worked out by hand and scikit-learn's scaler."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from lab.normalisation import Normalisation


def test_by_hand_and_other_inputs_by_the_training_sets_numbers() -> None:
    normalisation = Normalisation.fit(torch.tensor([[1.0, 10.0], [3.0, 10.0]]))  # means 2, 10; deviations 1, none
    assert normalisation(torch.tensor([[1.0, 10.0], [3.0, 10.0]])).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert normalisation(torch.tensor([[4.0, 13.0]])).tolist() == [[2.0, 3.0]]
    assert normalisation(torch.tensor([4.0, 13.0])).tolist() == [2.0, 3.0]


def test_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randn(50, 6, generator=generator, dtype=torch.float64) * 7 + 3 for _ in range(2))
    expected = StandardScaler().fit(train.numpy()).transform(test.numpy())
    np.testing.assert_allclose(Normalisation.fit(train)(test).numpy(), expected, rtol=1e-10)


def test_images_by_channel_from_bytes() -> None:
    images = torch.randint(0, 256, (20, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    normalisation = Normalisation.fit(images, axes=(0, 2, 3))
    assert normalisation.mean.shape == (3, 1, 1)
    normalised = normalisation(images)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_a_constant_feature_does_not_blow_up_its_rounding() -> None:
    inputs = torch.full((1000, 1), 0.1)
    assert Normalisation.fit(inputs)(inputs).abs().max() < 1e-6


def test_inverse_takes_back() -> None:
    inputs = torch.tensor([[1.0, 5.0], [2.0, -5.0], [6.0, 0.0]])
    normalisation = Normalisation.fit(inputs).to("cpu")
    torch.testing.assert_close(normalisation.inverse(normalisation(inputs)), inputs)


def test_refuses_nothing_and_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match="0 training examples"):
        Normalisation.fit(torch.zeros(0, 3))
    with pytest.raises(ValueError, match=r"\(2, 1\).*not finite"):
        Normalisation.fit(torch.tensor([[1.0], [math.nan]]))
