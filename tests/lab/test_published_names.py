"""Published checkpoints by their names: the published network, built anew here, and ours give the same outputs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.backbones import ConvolutionConfig, MLPConfig, ResidualConfig
from lab.weights import WeightsError, load_weights


class PublishedBlock(nn.Module):
    """A basic block with the names that torchvision and timm give its parts."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class PublishedResNet(nn.Module):
    """ResNet-18 with the published names; narrower, so that it is quick."""

    def __init__(self, widths: tuple[int, ...] = (4, 6, 8, 10)):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0])
        inside = widths[0]
        for number, width in enumerate(widths, start=1):
            stride = 1 if number == 1 else 2
            layer = nn.Sequential(PublishedBlock(inside, width, stride), PublishedBlock(width, width, 1))
            self.add_module(f"layer{number}", layer)
            inside = width
        self.fc = nn.Linear(inside, 1000)

    def features(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return x.mean((2, 3))


RESNET = ResidualConfig(channels=(4, 6, 8, 10), blocks=2, stem_kernel_size=7, stem_stride=2, stem_pool=True)


def stirred(module: nn.Module) -> nn.Module:
    """With every number in it, running statistics included, away from where it began."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + ("var" in name))
    return module.eval()


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
