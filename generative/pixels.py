"""The probability of a picture as a product over its pixels, each given those before it: PixelCNN and PixelRNN.

Source: van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel recurrent neural networks",
https://arxiv.org/abs/1601.06759, section 2: rows from top to bottom, pixels from left to right, colours one after
another, each a choice among its levels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generative.checks import check_each, check_inputs, within_0_and_1
from generative.pixel_networks import PixelNetworkConfig
from generative.progress import Progress
from lab.data import Dataset
from lab.one_network import OneNetwork, Updating
from lab.optim import OptimizerConfig
from lab.probe import Case, Expectation
from lab.ranges import check_least
from lab.seeding import Seeds
from lab.trial import Metrics

PROBED, PROBED_SIDE = 4, 6  # pictures, and how many of their pixels a side at most


@dataclass(frozen=True, kw_only=True)
class PixelModelConfig:
    """How a model of pixels learns and is judged."""

    levels: int = 2  # values that a colour of a pixel takes, evenly from 0 to 1
    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation_batch: int = 250  # pictures at a time when judging

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.levels < 2:
            raise ValueError(f"levels is {self.levels}, but a pixel takes two values at least. Raise it.")
        check_least(self, evaluation_batch=1)


class PixelModel(OneNetwork):
    """Learns the probability of pictures [B, C, H, W] whose values are k / (levels - 1), in C colours."""

    network: nn.Sequential
    updating: Updating
    mean_over_examples = True

    def __init__(
        self,
        config: PixelModelConfig,
        network: PixelNetworkConfig,
        shape: tuple[int, ...],
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ):
        """`shape` is a picture's, (C, H, W). Raises ValueError for another, and for a network that C does not suit."""
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(
                f"The pictures are {list(shape)}, but they have colours, rows and columns. Give pictures [C, H, W], "
                "grey ones with C = 1."
            )
        self.config, self.shape, self.device = config, tuple(shape), torch.device(device)
        with seeds.initialising(network.name):
            self.network = network.build(shape[0], config.levels).to(device)
        self.updating = self.descend_by(config.optimizer, self._update, device)
        self._looked = False  # whether it has looked at the values of a batch

    def update(self, batch: tuple[Tensor, Tensor]) -> Metrics:
        """One gradient step on (pictures [B, C, H, W], labels, which are not looked at).

        Raises ValueError for pictures of another shape, and in the first batch for values that are not among the
        levels. A GPU would be waited for if all batches were looked at.
        """
        self._check_shape(batch[0])
        if not self._looked:
            self._check_levels(batch[0], "of the first batch ")
            self._looked = True
        return self.updating((batch[0],))

    def _update(self, pictures: Tensor) -> Metrics:
        loss = self._nats(pictures).mean()
        return {"loss": loss.detach(), **self.descent.descend(loss)}

    def _nats(self, pictures: Tensor) -> Tensor:
        """Minus the log probability of each picture, [B]."""
        return F.cross_entropy(self.network(pictures), self._chosen(pictures), reduction="none").flatten(1).sum(1)

    def _chosen(self, pictures: Tensor) -> Tensor:
        """The number of each value's level, of the same shape."""
        return (pictures * (self.config.levels - 1)).round().long()

    def _check_shape(self, pictures: Tensor) -> None:
        if pictures.shape[1:] != self.shape:
            raise ValueError(
                f"The pictures are {list(pictures.shape)}, but the model was built for [N, "
                f"{', '.join(map(str, self.shape))}]. Give it such pictures, or build it for the shape of yours."
            )

    def _on_levels(self, pictures: Tensor) -> Tensor:
        """Which values are among the levels: bool of the same shape."""
        scaled = pictures * (self.config.levels - 1)
        return within_0_and_1(pictures) & ((scaled - scaled.round()).abs() < 1e-3)

    def _check_levels(self, pictures: Tensor, part: str = "") -> None:
        wrong = (
            f"{part}has pixels that are not among the {self.config.levels} levels evenly from 0 to 1. Round them, draw "
            "levels for them as lab.data.binary does, or set levels to as many as there are."
        )
        check_each(pictures, self._on_levels, wrong)

    def log_probability(self, pictures: Tensor) -> Tensor:
        """In nats, [N, C, H, W] -> [N]. Raises ValueError for another shape, and values not among the levels."""
        self._check_shape(pictures)
        self._check_levels(pictures)
        with self.descent.judging(self.network):
            return -torch.cat([self._nats(part) for part in pictures.split(self.config.evaluation_batch)])

    def evaluate(self, dataset: Dataset) -> Metrics:
        """The negative log likelihood: `nll` in nats a picture, `bits` in bits a dimension, of which a pixel has one
        for each colour. Exact.
        """
        nats = -self.log_probability(dataset.inputs).double().mean()
        return {"nll": nats, "bits": nats / math.log(2) / math.prod(self.shape)}

    def complete(
        self, pictures: Tensor, known: int, generator: torch.Generator, progress: Progress = lambda pixels: pixels
    ) -> Tensor:
        """Pictures [N, C, H, W] of which the first `known` pixels stay and the others are drawn, one after another.

        The generator lies on the model's device. `progress` is handed the pixels to draw and gives them back, as tqdm
        does. Raises ValueError for another shape, and where a pixel that is known is not among the levels; the others
        are not looked at.
        """
        self._check_shape(pictures)
        colours, height, width = self.shape
        if not 0 <= known <= height * width:
            raise ValueError(
                f"known is {known}, but a picture has {height * width} pixels. Give a number from 0 to that."
            )
        unknown = torch.arange(height * width, device=pictures.device).view(height, width) >= known
        drawn = pictures.masked_fill(unknown, 0.0)
        self._check_levels(drawn)
        with self.descent.judging(self.network):
            for pixel in progress(range(known, height * width)):
                row, column = divmod(pixel, width)
                for colour in range(colours):
                    # Rows below have no say, so they are left out of the work.
                    logits = self.network(drawn[:, :, : row + 1])[:, :, colour, row, column]
                    values = torch.multinomial(logits.softmax(1), 1, generator=generator)
                    drawn[:, colour, row, column] = values.squeeze(1) / (self.config.levels - 1)
        return drawn

    def sample(self, count: int, generator: torch.Generator, progress: Progress = lambda pixels: pixels) -> Tensor:
        """Made-up pictures [count, C, H, W]; see `complete`."""
        return self.complete(torch.zeros(count, *self.shape, device=self.device), 0, generator, progress)

    def check(self, training: Dataset, evaluation: Mapping[str, Dataset]) -> None:
        """Raises ValueError for pictures of another shape, and, naming the part and the picture, for values that are
        not among the levels; those of the training set need only lie from 0 to 1, as batches may draw their levels,
        which `update` looks at.
        """
        for part in (training, *evaluation.values()):
            self._check_shape(part.inputs)
        check_inputs({"training": training}, within_0_and_1, "has pixels outside 0 to 1. Scale them to that range.")
        for name, dataset in evaluation.items():
            self._check_levels(dataset.inputs, f"of the {name} set ")

    def probe_case(self, dataset: Dataset) -> Case:
        """The network with its loss by the value, read as a sequence: no value's logits may depend on it or on those
        after it. Of the middle of a few pictures: each pixel is an example, and where thousands of units bend, any
        difference crosses a bend of one.
        """
        pictures = middle(dataset.inputs[:PROBED], PROBED_SIDE)
        colours, height, width = pictures.shape[1:]
        chosen = self._chosen(pictures)
        sequences = pictures.permute(0, 2, 3, 1).flatten(1)  # [B, H W C], in the order of the product

        def logits(network: nn.Module, given: Tensor) -> Tensor:
            """[B, levels, C, H, W]."""
            return network(given.unflatten(1, (height, width, colours)).permute(0, 3, 1, 2))

        def of_next(network: nn.Module, given: Tensor) -> Tensor:
            """Of each value but the first, [B, H W C - 1, levels]: the probe lets output t see the inputs up to t."""
            return logits(network, given).permute(0, 3, 4, 2, 1).flatten(1, 3)[:, 1:]

        def loss(network: nn.Module, given: Tensor) -> Tensor:
            return F.cross_entropy(logits(network, given), chosen)

        expected = Expectation.of_classes(self.config.levels, chosen, reason=f"log of {self.config.levels} levels")
        return Case(self.network, sequences, loss, expected, outputs=of_next, causal=True)


def middle(pictures: Tensor, side: int) -> Tensor:
    """Of pictures [..., H, W] the middle, `side` pixels a side or all where they have fewer."""
    for axis in (-2, -1):
        size = min(side, pictures.shape[axis])
        pictures = pictures.narrow(axis, (pictures.shape[axis] - size) // 2, size)
    return pictures
