"""The features by which made-up clothing is held against real: a small network of the lab's own, its weights pinned.

Inception's features, which the literature uses, are of photographs of 299 x 299 pixels and say little of pictures of
28 x 28; and they are another download. For whoever has them there is generative/scripted.py.

Source for the doubt: Barratt and Sharma 2018, "A note on the inception score".
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lab.backbones import Convolution, ConvolutionConfig, memory_format
from lab.weights import WeightsError, digest_of, load_weights, read_weights

WEIGHTS = Path(__file__).parent / "weights" / "fashion.safetensors"
SHA256 = "3e7acb49c00329b1b615485471f3257de3a06ce482e5088c9fd0be733f9efa88"
NAME = "cnn_fashion (seed 0, accuracy 0.9287; 64 features, eval mode)"
BACKBONE = ConvolutionConfig(
    channels=(32, 64, 64, 64),
    pooling=("max", "max", "none", "none"),
    batch_norm=True,
    initialisation="he",
    readout="average",
)
BATCH = 250  # pictures at a time, of which the maps stay in a processor's memory


class FashionFeatures:
    """Pictures [N, 1, 28, 28] in [0, 1] -> features [N, 64]."""

    name = NAME

    def __init__(self, device: torch.device | str = "cpu"):
        """Raises WeightsError if the weights are not those that were pinned."""
        if (found := digest_of(WEIGHTS)) != SHA256:
            raise WeightsError(
                f"{WEIGHTS} has the SHA-256 {found}, not {SHA256}: by other features all distances are others. Take "
                "the file that the lab came with."
            )
        network: Convolution = BACKBONE.build((1, 28, 28))
        load_weights(network, read_weights(WEIGHTS), str(WEIGHTS))
        network = network.to(device).eval().requires_grad_(False)
        self.network = network.to(memory_format=memory_format(network))  # type: ignore[call-overload]

    def __call__(self, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([self.network(part) for part in pictures.split(BATCH)])
