"""Augmentation as settings: what is off does nothing, what is on is done in its order."""

from __future__ import annotations

import pytest
import torch

from lab.data import AugmentConfig, compose, crop, distort, erase, flip, mixup, rotate, zoom


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_by_default_there_is_none() -> None:
    assert AugmentConfig().augment() is None
    assert AugmentConfig().mix(10) is None


def test_all_follow_one_another() -> None:
    config = AugmentConfig(flip=True, rotate=20.0, zoom=1.25, distort=1.0, smoothness=2.0, crop=2, erase=0.5, mixup=0.3)
    images = torch.rand(6, 3, 9, 9, generator=generator())
    augment, mix = config.augment(), config.mix(4)
    assert augment is not None
    by_hand = compose(flip(), rotate(20.0), zoom(0.8, 1.25), distort(1.0, 2.0), crop(2), erase(0.5))
    assert torch.equal(augment(images, generator()), by_hand(images, generator()))
    assert mix is not None
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    for mine, other in zip(mix(images, labels, generator()), mixup(0.3, 4)(images, labels, generator())):
        assert torch.equal(mine, other)


@pytest.mark.parametrize(("wrong", "told"), [({"zoom": 0.5}, "zoom is 0.5"), ({"erase": 2.0}, "erase is 2.0")])
def test_settings_out_of_range(wrong: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AugmentConfig(**wrong)
