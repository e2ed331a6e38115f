"""PopArt: targets are normalised by their running mean and deviation, and the network unlearns nothing by it.

Source: van Hasselt et al. 2016, "Learning values across many orders of magnitude", https://arxiv.org/abs/1602.07714,
sections 2.1 (preserving outputs precisely) and 2.2 (adaptively rescaling targets). Defaults as in Hessel et al. 2019,
"Multi-task deep reinforcement learning with PopArt", which is the first source's method on many games at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.losses import at_least_float32
from agents.q_network import QNetwork
from lab.trial import State


@dataclass(frozen=True, kw_only=True)
class PopArtConfig:
    """How quickly the statistics follow the targets."""

    step_size: float = 3e-4
    """Beta, in (0, 1]: weight of the newest batch; the statistics remember about 1 / step_size updates."""
    lowest_sigma: float = 1e-4
    """Targets are divided by at least this, in the unit of the rewards, however alike they are."""

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if not 0 < self.step_size <= 1:
            raise ValueError(f"step_size is {self.step_size}, but the weight of one batch lies in (0, 1]. Try 3e-4.")
        if not self.lowest_sigma > 0:
            raise ValueError(f"lowest_sigma is {self.lowest_sigma}, by which nothing can be divided. Try 1e-4.")


class PopArt:
    """The statistics of targets, shared by all networks that give values in their unit.

    Networks give normalised values y; the values themselves are sigma * y + mean. All tensors stay where they are and
    are changed in place, without waiting for a device, so that an update may be captured.
    """

    def __init__(self, config: PopArtConfig, device: torch.device | str = "cpu"):
        """Begins with mean 0 and deviation 1: values are what the networks give."""
        self.config = config
        self.mean = torch.zeros((), device=device)
        # The paper keeps the mean square, from which the variance is the difference of two numbers that nearly agree
        # if targets are large and alike. This is the same variance, without that difference.
        self.variance = torch.ones((), device=device)
        self.observed = torch.zeros((), device=device)  # weight of the targets in the averages; the rest is the start's

    @property
    def sigma(self) -> Tensor:
        """The deviation by which targets are divided."""
        return self.variance.sqrt().clamp(min=self.config.lowest_sigma)

    def normalise(self, values: Tensor) -> Tensor:
        """From the unit of the rewards to that of the networks."""
        return (values - self.mean) / self.sigma

    def unnormalise(self, values: Tensor) -> Tensor:
        """From the unit of the networks to that of the rewards."""
        return self.sigma * values + self.mean

    @torch.no_grad()
    def update(self, targets: Tensor, *networks: QNetwork) -> None:
        """Takes targets (any shape, in the unit of the rewards) into the statistics and rescales the networks.

        All networks that were ever rescaled must be given every time: their values then stay as they were, and
        targets computed from them before stay right. Normalise the targets of an update after it, not before: then even
        the first that is far out of the ordinary stays within sqrt((batch - step) / step) (as in section 2.2).

        An average that starts at 0 and 1 and takes steps of 3e-4 would be the start's for thousands of updates. Its
        bias is removed by dividing the step by the weight that targets have by now, 1 - (1 - beta)^updates: the first
        batch counts wholly, then all equally, in the long run the newest by beta (Sutton and Barto 2018, exercise 2.7).

        Targets that are not finite leave everything as it was; the loss tells of them.
        """
        mean, sigma = self.mean.clone(), self.sigma
        batch_variance, batch_mean = torch.var_mean(at_least_float32(targets), correction=0)
        observed = self.observed + self.config.step_size * (1 - self.observed)
        step = self.config.step_size / observed
        distance = batch_mean - mean
        new_variance = (1 - step) * (self.variance + step * distance.square()) + step * batch_variance
        usable = new_variance.isfinite()
        self.observed.copy_(torch.where(usable, observed, self.observed))
        self.variance.copy_(torch.where(usable, new_variance, self.variance))
        self.mean.copy_(torch.where(usable, mean + step * distance, mean))
        scale, shift = sigma / self.sigma, (mean - self.mean) / self.sigma
        for network in networks:
            network.rescale(scale, shift)

    def state_dict(self) -> State:
        """The statistics; the tensors are those in use."""
        return {"mean": self.mean, "variance": self.variance, "observed": self.observed}

    def load_state_dict(self, state: State) -> None:
        """Takes up copies of a state."""
        for name, mine in self.state_dict().items():
            mine.copy_(state[name])
