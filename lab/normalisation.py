"""Input normalisation: mean 0 and deviation 1, as measured on the training set alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """Shifts and scales inputs as one training set asks: `Normalisation.fit(training_inputs)(any_inputs)`.

    Validation and test inputs go through the same numbers, never through their own: they would otherwise be
    judged on another scale than the network was trained on, and a batch of one would lose all information.
    """

    mean: Tensor  # broadcasts against inputs
    deviation: Tensor  # same shape as mean; 1 where the training set never varied

    @classmethod
    def fit(cls, inputs: Tensor, axes: tuple[int, ...] = (0,)) -> Normalisation:
        """Measures inputs [N, ...] over `axes`: (0,) normalises each feature, (0, 2, 3) each image channel.

        A feature that never varies is only centred. Raises ValueError for no examples and for values that are
        not finite.
        """
        if len(inputs) == 0:
            raise ValueError("There are 0 training examples, so they have no mean. Fit on at least one.")
        inputs = inputs if inputs.is_floating_point() else inputs.float()
        variance, mean = torch.var_mean(inputs, dim=axes, correction=0, keepdim=True)
        if not (torch.isfinite(variance).all() and torch.isfinite(mean).all()):
            raise ValueError(
                f"The training inputs of shape {tuple(inputs.shape)} hold values that are not finite, or too "
                "large to square, so they have no deviation. Remove or replace those values before fitting."
            )
        # Rounding may leave a constant feature a tiny deviation; dividing by it would make signal of it.
        rounding = 4 * torch.finfo(inputs.dtype).eps * mean.abs()
        deviation = variance.sqrt()
        deviation = torch.where(deviation > rounding, deviation, torch.ones_like(deviation))
        return cls(mean.squeeze(0), deviation.squeeze(0))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Normalised inputs, [N, ...] or a single example [...]."""
        return (inputs - self.mean) / self.deviation

    def inverse(self, inputs: Tensor) -> Tensor:
        """Takes normalised inputs back to where they came from."""
        return inputs * self.deviation + self.mean

    def to(self, device: torch.device | str) -> Normalisation:
        """The same normalisation for inputs on a device."""
        return Normalisation(self.mean.to(device), self.deviation.to(device))
