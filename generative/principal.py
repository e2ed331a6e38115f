"""Principal components, which autoencoders are held against: what a linear code of so many numbers keeps at best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.decomposition import PCA
from torch import Tensor


@dataclass(frozen=True)
class Principal:
    """The mean [D] and the first K principal components [K, D] of some examples, orthonormal, in float64."""

    mean: Tensor
    components: Tensor

    @classmethod
    def of(cls, inputs: Tensor, size: int) -> Principal:
        """Of inputs [N, ...], flattened, by scikit-learn's exact solver. Raises ValueError for more than there are."""
        most = min(len(inputs), inputs[0].numel())
        if not 1 <= size <= most:
            raise ValueError(
                f"size is {size}, but of {len(inputs):,} inputs of {inputs[0].numel():,} numbers there are {most:,} "
                f"principal components. Set it from 1 to {most:,}."
            )
        fitted = PCA(size, svd_solver="full").fit(inputs.flatten(1).double().cpu().numpy())
        return cls(torch.from_numpy(fitted.mean_), torch.from_numpy(fitted.components_))

    def error(self, inputs: Tensor) -> float:
        """Mean squared error of a number of inputs [N, ...] when they are told from their components."""
        centred = inputs.flatten(1).double().cpu() - self.mean
        kept = centred @ self.components.T @ self.components
        return float((centred - kept).square().mean())
