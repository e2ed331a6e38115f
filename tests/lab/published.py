"""Networks as others publish them, by whose names their weights come."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


def stirred(module: nn.Module) -> nn.Module:
    """With every number in it, running statistics included, away from where it began."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + ("var" in name))
    return module.eval()
