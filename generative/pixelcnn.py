"""PixelCNN: the probability of a picture as a product over its pixels, each given those before it.

Source: van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel recurrent neural networks",
https://arxiv.org/abs/1601.06759, section 3.4 and table 1, for pictures of one channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generative.checks import check_inputs, within_0_and_1
from generative.masked import MaskedConvolution
from lab.data import Dataset
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.probe import Case
from lab.seeding import Seeds
from lab.trial import Metrics

Progress = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True, kw_only=True)
class PixelCNNConfig:
    """How a PixelCNN is built and learns."""

    levels: int = 2  # values that a pixel takes, evenly from 0 to 1
    channels: int = 16  # h of the paper: half the maps between two residual blocks
    blocks: int = 15  # residual ones
    kernel_size: int = 3  # pixels, of a block's masked convolution
    first_kernel_size: int = 7  # pixels, of the first
    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation_batch: int = 250  # pictures at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.levels < 2:
            raise ValueError(f"levels is {self.levels}, but a pixel takes two values at least. Raise it.")
        for name in ("channels", "blocks", "evaluation_batch"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}, but there is at least one. Raise it.")


class ResidualBlock(nn.Module):
    """Keeps [B, 2 h, H, W]. Figure 5 of the paper, left."""

    def __init__(self, channels: int, kernel_size: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(2 * channels, channels, 1),
            nn.ReLU(),
            MaskedConvolution("B", channels, channels, kernel_size),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps)


def network(config: PixelCNNConfig) -> nn.Sequential:
    """Pictures [B, 1, H, W] -> logits [B, levels, H, W] of each pixel given those before it."""
    wide = 2 * config.channels
    return nn.Sequential(
        MaskedConvolution("A", 1, wide, config.first_kernel_size),
        *(ResidualBlock(config.channels, config.kernel_size) for _ in range(config.blocks)),
        nn.ReLU(),
        nn.Conv2d(wide, wide, 1),
        nn.ReLU(),
        nn.Conv2d(wide, config.levels, 1),
    )


class PixelCNN(OneNetwork):
    """Learns the probability of pictures [B, 1, H, W] whose pixels are k / (levels - 1)."""

    network: nn.Sequential
    updating: Updating

    def __init__(
        self, config: PixelCNNConfig, shape: tuple[int, ...], seeds: Seeds, device: torch.device | str = "cpu"
    ):
        """`shape` is a picture's, (1, H, W). Raises ValueError for another number of channels."""
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(
                f"The pictures are {list(shape)}, but a pixel is told as one number. Give pictures [1, H, W]."
            )
        self.config, self.shape, self.device = config, tuple(shape), torch.device(device)
        with seeds.initialising("pixelcnn"):
            self.network = network(config).to(device)
        self.updating = self.descend_by(config.optimizer, self._update, device)

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (pictures [B, 1, H, W], labels, which are not looked at)."""
        return self.updating((batch[0],))

    def _update(self, pictures: Tensor) -> Metrics:
        loss = self._nats(pictures).mean()
        return {"loss": loss.detach(), **self.descent.descend(loss)}

    def _nats(self, pictures: Tensor) -> Tensor:
        """Minus the log probability of each picture, [B]."""
        values = (pictures.squeeze(1) * (self.config.levels - 1)).round().long()
        return F.cross_entropy(self.network(pictures), values, reduction="none").flatten(1).sum(1)

    def log_probability(self, pictures: Tensor) -> Tensor:
        """In nats, [N, 1, H, W] -> [N]."""
        with self.descent.judging(self.network):
            return -torch.cat([self._nats(part) for part in pictures.split(self.config.evaluation_batch)])

    def evaluate(self, dataset: Dataset) -> Metrics:
        """The negative log likelihood: `nll` in nats a picture, `bits` in bits a pixel. Exact."""
        nats = -self.log_probability(dataset.inputs).double().mean()
        return {"nll": nats, "bits": nats / math.log(2) / math.prod(self.shape)}

    def complete(
        self, pictures: Tensor, known: int, generator: torch.Generator, progress: Progress = lambda pixels: pixels
    ) -> Tensor:
        """Pictures [N, 1, H, W] of which the first `known` pixels stay and the others are drawn, one after another.

        The generator lies on the model's device. `progress` is handed the pixels to draw and gives them back, as tqdm
        does.
        """
        _, height, width = self.shape
        drawn = pictures.clone()
        with self.descent.judging(self.network):
            for pixel in progress(range(known, height * width)):
                row, column = divmod(pixel, width)
                # Rows below have no say, so they are left out of the work.
                logits = self.network(drawn[:, :, : row + 1])[:, :, row, column]
                values = torch.multinomial(logits.softmax(1), 1, generator=generator)
                drawn[:, 0, row, column] = values.squeeze(1) / (self.config.levels - 1)
        return drawn

    def sample(self, count: int, generator: torch.Generator, progress: Progress = lambda pixels: pixels) -> Tensor:
        """Made-up pictures [count, 1, H, W]; see `complete`."""
        return self.complete(torch.zeros(count, *self.shape, device=self.device), 0, generator, progress)

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError, naming the part and the picture, for pixels that are not among the levels; those of the
        training set need only lie from 0 to 1, as batches may draw their levels.
        """
        top = self.config.levels - 1

        def right(pictures: Tensor) -> Tensor:
            return within_0_and_1(pictures) & ((pictures * top - (pictures * top).round()).abs() < 1e-3)

        wrong = (
            f"has pixels that are not among the {self.config.levels} levels evenly from 0 to 1. Round them, or set "
            "levels to as many as there are."
        )
        check_inputs({"training": training}, within_0_and_1, "has pixels outside 0 to 1. Scale them to that range.")
        check_inputs(evaluation, right, wrong)

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with its loss by the pixel; each row of logits must depend on the rows up to it alone."""
        pictures = dataset.inputs

        def loss(network: nn.Module, given: Tensor) -> Tensor:
            values = (pictures.squeeze(1) * (self.config.levels - 1)).round().long()
            return F.cross_entropy(network(given), values)

        return Case(self.network, pictures, loss)
