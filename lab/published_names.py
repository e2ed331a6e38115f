"""Name maps: the parameters of published checkpoints of common architectures, by the names that they have here.

Two families: residual networks of basic blocks (torchvision's and timm's resnet18 and resnet34), as `Residual` with
`stem_kernel_size=7, stem_stride=2, stem_pool=True`; and stacks of convolutions with linear layers above (torchvision's
alexnet and vgg11 to vgg19, with and without batch norm), as `Convolution`. The last linear layer, the head, is left
out: it names the classes of another task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

_BLOCK = re.compile(r"layer(\d)\.(\d+)\.(conv1|bn1|conv2|bn2|downsample\.0|downsample\.1)\.(\w+)")
_IN_BLOCK = {
    "conv1": "residual.0.0",
    "bn1": "residual.0.1",
    "conv2": "residual.3.0",
    "bn2": "residual.3.1",
    "downsample.0": "shortcut.0",
    "downsample.1": "shortcut.1",
}
_STEM = {"conv1": "stem.0.0", "bn1": "stem.0.1"}
_SEQUENTIAL = re.compile(r"(features|classifier)\.(\d+)\.(\w+)")


def translate(weights: Mapping[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """The weights by the names here, where theirs are those of a known family; else as they are.

    `own` are the names of the network that is to take them: a file that has them needs no translation.
    """
    if "layer1.0.conv1.weight" in weights and "stem.0.0.weight" in own:
        return _from_resnet(weights)
    if "features.0.weight" in weights and "layers.convolution_0.weight" in own:
        return _from_sequential(weights)
    return dict(weights)


def _from_resnet(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A name that fits no basic block (bottlenecks have a third convolution) stays, to be told as unknown."""
    renamed = {}
    for name, tensor in weights.items():
        layer, _, kind = name.rpartition(".")
        if match := _BLOCK.fullmatch(name):
            name = f"blocks.{int(match[1]) - 1}_{match[2]}.{_IN_BLOCK[match[3]]}.{match[4]}"
        elif layer in _STEM:
            name = f"{_STEM[layer]}.{kind}"
        elif layer == "fc":
            continue
        renamed[name] = tensor
    return renamed


def _from_sequential(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layers count from 0 by kind and in order here, by their place among all layers there."""
    parts = {match[0].rpartition(".")[0] for name in weights if (match := _SEQUENTIAL.fullmatch(name))}
    in_order = sorted(parts, key=lambda part: (part.startswith("classifier"), int(part.rpartition(".")[2])))
    names: dict[str, str] = {}
    normed: dict[str, str] = {}  # batch norm -> the convolution before it
    for part in in_order:
        if part.startswith("classifier"):
            names[part] = f"dense.layers.linear_{_count(names, 'linear')}"
        elif f"{part}.running_mean" in weights:
            normed[part] = next(reversed(names))
            names[part] = f"layers.batch_norm_{_count(names, 'convolution') - 1}"
        else:
            names[part] = f"layers.convolution_{_count(names, 'convolution')}"
    head = in_order[-1] if in_order[-1].startswith("classifier") else None
    renamed = {}
    for name, tensor in weights.items():
        part, _, kind = name.rpartition(".")
        if part == head or (kind == "bias" and part in normed.values()):
            continue
        if kind == "running_mean":  # a convolution before batch norm has no bias here: the mean takes it over
            tensor = tensor - weights.get(f"{normed[part]}.bias", 0.0)
        renamed[f"{names[part]}.{kind}" if part in names else name] = tensor
    return renamed


def _count(names: Mapping[str, str], kind: str) -> int:
    return sum(f"{kind}_" in name for name in names.values())
