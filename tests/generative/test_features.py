"""The features of clothing: pinned, the same for each picture, and good enough to tell classes by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from generative import features
from generative.features import FashionFeatures
from generative.retrieval import precision_at
from lab.data import load
from lab.weights import WeightsError


def test_each_picture_has_features_of_its_own_whatever_is_beside_it() -> None:
    pictures = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = FashionFeatures()(pictures)
    assert found.shape == (5, 64)
    assert torch.allclose(FashionFeatures()(pictures[3:4])[0], found[3], atol=1e-5)
    assert float(found.std(0).min()) > 0


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "fashion.safetensors"
    other.write_bytes(features.WEIGHTS.read_bytes() + b" ")
    monkeypatch.setattr(features, "WEIGHTS", other)
    with pytest.raises(WeightsError, match="by other features all distances are others"):
        FashionFeatures()


def test_what_is_near_is_of_the_same_class() -> None:
    published = load("fashion_mnist")
    assert published.test is not None
    found = FashionFeatures()(published.test.inputs[:2_000])
    labels = published.test.labels[:2_000]
    assert float(precision_at(10, found[:500], labels[:500], found[500:], labels[500:])) > 0.88
