"""The same training by PyTorch Lightning, as a peer for benchmarks/fit.py; imported only where it is installed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

FAST: dict[str, Any] = {  # what its users switch off for speed
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}


class Learner(LightningModule):
    """A network with the loss and the optimiser of the raw loop."""

    def __init__(self, network: nn.Module, learning_rate: float, logs: bool):
        super().__init__()
        self.network, self.learning_rate, self.logs = network, learning_rate, logs
        self.losses: list[Tensor] = []

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        """The loss of a batch, kept as the raw loop keeps it, and logged in Lightning's way if asked."""
        inputs, labels = batch
        loss = F.cross_entropy(self.network(inputs), labels, reduction="none").mean()
        self.losses.append(loss.detach())
        if self.logs:
            self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The raw loop's."""
        return torch.optim.Adam(self.network.parameters(), lr=self.learning_rate, fused=True)


class Training:
    """A run of so many updates, set up beforehand, so that `train` is only the loop.

    Lightning is told to be fast, or in `as_it_comes` left at its defaults, which show a progress bar, log the loss
    and save a checkpoint every epoch under `folder`.
    """

    def __init__(
        self,
        network: nn.Module,
        epochs: Iterable[tuple[Tensor, Tensor]],
        updates: int,
        learning_rate: float,
        folder: Path,
        *,
        as_it_comes: bool,
    ):
        self.epochs, self.learner = epochs, Learner(network, learning_rate, logs=as_it_comes)
        with _silence():
            self.trainer = Trainer(
                accelerator="cpu",
                devices=1,
                max_steps=updates,
                max_epochs=-1,
                default_root_dir=folder,
                deterministic=True,  # or it would switch the other arms' deterministic kernels off
                **({} if as_it_comes else FAST),
            )

    def train(self) -> list[Tensor]:
        """Trains the network; returns the loss of every update."""
        with _silence():
            self.trainer.fit(self.learner, self.epochs)
        return self.learner.losses


@contextmanager
def _silence() -> Iterator[None]:
    """Inside, nothing of what Lightning says reaches the screen."""
    log = logging.getLogger("pytorch_lightning")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
