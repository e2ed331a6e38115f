"""Published checkpoints by their names: the published network, built anew here, and ours give the same outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lab.backbones import ConvolutionConfig, MLPConfig, ResidualConfig
from lab.weights import WeightsError, load_weights
from tests.lab.published import PublishedResNet, stirred

RESNET = ResidualConfig(channels=(4, 6, 8, 10), blocks=2, stem_kernel_size=7, stem_stride=2, stem_pool=True)


def test_resnet() -> None:
    published = stirred(PublishedResNet())
    ours = RESNET.build((3, 64, 64)).eval()
    load_weights(ours, published.state_dict(), "resnet18")
    inputs = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(inputs), published.features(inputs))


def sequential(batch_norm: bool) -> tuple[nn.Sequential, nn.Sequential]:
    """A small VGG: features and classifier, whose layers have their places for names, as torchvision's."""
    features: list[nn.Module] = []
    inside = 3
    for width in (4, "pool", 6, 6, "pool"):
        if isinstance(width, str):
            features.append(nn.MaxPool2d(2, 2))
            continue
        features.append(nn.Conv2d(inside, width, 3, padding=1))
        if batch_norm:
            features.append(nn.BatchNorm2d(width))
        features.append(nn.ReLU())
        inside = width
    classifier = [nn.Linear(6 * 4 * 4, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 7), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*features), nn.Sequential(*classifier, nn.Linear(7, 1000))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg(batch_norm: bool) -> None:
    features, classifier = sequential(batch_norm)
    published = stirred(nn.ModuleDict({"features": features, "classifier": classifier}))
    config = ConvolutionConfig(
        channels=(4, 6, 6), pooling=("max", "none", "max"), batch_norm=batch_norm, dense=MLPConfig(widths=(9, 7))
    )
    ours = config.build((3, 16, 16)).eval()
    load_weights(ours, published.state_dict(), "vgg")
    inputs = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(ours(inputs), classifier[:-1](features(inputs).flatten(1)))


def test_bottlenecks_are_refused() -> None:
    weights = dict(PublishedResNet().state_dict())
    weights["layer1.0.conv3.weight"] = torch.zeros(16, 4, 1, 1)
    with pytest.raises(WeightsError, match=r"unknown here: layer1\.0\.conv3\.weight"):
        load_weights(RESNET.build((3, 64, 64)), weights, "resnet50")
