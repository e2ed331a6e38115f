"""Features by a network of your own, such as Inception's, from a TorchScript file: the lab neither has nor fetches it.

`inception-2015-12-05.pt`, which NVIDIA publishes with StyleGAN2-ADA, is such a file; it wants pictures in [0, 255].
Heusel et al. 2017 take the 2,048 features of its last pooling. Only distances by the same file can be compared.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.weights import WeightsError, digest_of

SIDE = 299  # pixels, that Inception looks at
BATCH = 50  # pictures at a time


class ScriptedFeatures:
    """Pictures [N, C, H, W] in [0, 1], grey or in colour -> features [N, D] of a TorchScript network in eval mode.

    The network is given [B, 3, 299, 299] in [0, `brightest`]. If it takes a `return_features`, that is set.
    """

    def __init__(self, path: Path | str, device: torch.device | str = "cpu", *, brightest: float = 255.0):
        """Raises WeightsError for a file that is not there or is no TorchScript. Only open files that you trust."""
        digest = digest_of(path)
        try:
            network = torch.jit.load(str(path), map_location=device)
        except (RuntimeError, ValueError) as error:
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise WeightsError(
                f"{path} cannot be read as TorchScript ({why}). Give a file that torch.jit.save wrote, whole."
            ) from error
        self.network, self.brightest = network.eval(), brightest
        arguments = {argument.name for argument in network.forward.schema.arguments}
        self._beside = {"return_features": True} if "return_features" in arguments else {}
        self.name = (
            f"{Path(path).name} (SHA-256 {digest[:12]}, {SIDE} x {SIDE} pixels in 0 to {brightest:g}, eval mode)"
        )  # fmt: skip

    def __call__(self, pictures: Tensor) -> Tensor:
        """Raises ValueError if what the network makes is not [N, D]."""
        with torch.no_grad():
            return torch.cat([self._of(part) for part in pictures.split(BATCH)]).float()

    def _of(self, pictures: Tensor) -> Tensor:
        large = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
        found = self.network(self.brightest * large.expand(-1, 3, -1, -1), **self._beside)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(pictures):
            made = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
            raise ValueError(
                f"The network makes {made} of {len(pictures)} pictures, but features are a tensor "
                f"[{len(pictures)}, D]. Let its forward give one, flattened."
            )
        return found
