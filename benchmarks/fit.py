"""`Fit`, driven by `run` with a tracker, beside a raw torch loop on the same small network, with equal losses.

Both train the network of cnn_digits (without augmentation) on the same batches from the same weights with the same
Adam. The bound is held to the median of the paired ratios of wall-clock time: the runs of a pair are neighbours in time, so
what slows the machine down for a while slows both.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import Check, Result, Spread, alternate, command, paired_ratio
from experiments.supervised import cnn_digits, mlp_digits
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.data import Batches, Dataset
from lab.datasets import digits
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.provenance import fixed_bits
from lab.run import RunConfig, run
from lab.seeding import Seeds
from lab.tracking import LocalTracker, read_rows
from supervised.classifier import Classifier, ClassifierConfig

BOUND = 1.03
BATCH = 64  # examples
LEARNING_RATE = 1e-3
LOG_EVERY = 50  # updates


def raw_loop(network: nn.Module, data: Dataset, seeds: Seeds, updates: int) -> list[float]:
    """What one writes without a lab: trains the network, returns the mean loss of every LOG_EVERY updates."""
    torch.manual_seed(seeds.derive("dropout"))
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    logged: list[float] = []
    losses: list[Tensor] = []
    network.train()
    step = epoch = 0
    while step < updates:
        generator = torch.Generator().manual_seed(seeds.child("batches").derive(f"epoch/{epoch}"))
        order = torch.randperm(len(data), generator=generator)
        for chosen in order.split(BATCH)[: min(len(data) // BATCH, updates - step)]:
            loss = F.cross_entropy(network(data.inputs[chosen]), data.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            step += 1
            if step % LOG_EVERY == 0:
                logged.append(float(torch.stack(losses).double().mean()))
                losses = []
        epoch += 1
    return logged


@dataclass
class Trained:
    """What is left of a run, to see that both did the same work."""

    losses: list[float]
    network: nn.Module


class Contest:
    """One backbone, trained with and without the lab."""

    def __init__(self, backbone: ConvolutionConfig | MLPConfig, updates: int, folder: Path):
        self.backbone, self.updates, self.folder = backbone, updates, folder
        self.data, self.seeds = digits(), Seeds(0)
        self.trained: dict[str, Trained] = {}

    def classifier(self) -> Classifier:
        """The learner at its first weights, which are the same each time."""
        with self.seeds.initialising("backbone"):
            backbone = self.backbone.build(tuple(self.data.inputs.shape[1:]))
        optimizer = OptimizerConfig(kind="adam", learning_rate=LEARNING_RATE)
        return Classifier(ClassifierConfig(optimizer=optimizer), backbone, 10, self.seeds)

    def fit(self, repeat: int) -> float:
        """Seconds of a run of `Fit`: loop, guard, metrics, rows on the disk and the final digest included."""
        classifier = self.classifier()
        trial = Fit(classifier, Batches(self.data, BATCH, self.seeds.child("batches")), {})
        options = RunConfig(steps=self.updates, log_every=LOG_EVERY, evaluate_every=0, save_every=0, device="cpu")
        path = self.folder / f"{len(list(self.folder.iterdir()))}.jsonl"
        started = time.perf_counter()
        run(trial, options, LocalTracker(path), seeds=self.seeds)
        seconds = time.perf_counter() - started
        losses = [row["train/loss"] for row in read_rows(path)]
        self.trained["fit"] = Trained(losses, classifier.network)
        return seconds

    def raw(self, repeat: int) -> float:
        """Seconds of the raw loop on the same network; only its layers are taken from the lab."""
        network = self.classifier().network
        started = time.perf_counter()
        losses = raw_loop(network, self.data, self.seeds, self.updates)
        seconds = time.perf_counter() - started
        self.trained["raw"] = Trained(losses, network)
        return seconds

    def largest_difference(self) -> float:
        """Between the two runs' losses and final weights; 0.0 says that they are equal bit for bit."""
        fit, raw = self.trained["fit"], self.trained["raw"]
        pairs = zip(fit.network.state_dict().values(), raw.network.state_dict().values(), strict=True)
        weights = [float((a.double() - b.double()).abs().max()) for a, b in pairs]
        return max(weights + [abs(a - b) for a, b in zip(fit.losses, raw.losses, strict=True)])


def measure(quick: bool = False) -> Result:
    """`Fit` beside a raw torch loop on the same small network."""
    cnn = replace(cnn_digits.Config().backbone)
    small = ConvolutionConfig(channels=(4,), batch_norm=True, dropout=0.1)
    backbones = {
        "CNN (bounded)": (small if quick else cnn, 2 * LOG_EVERY),
        "MLP (for information)": (MLPConfig(widths=(8,)) if quick else mlp_digits.Config().backbone, 8 * LOG_EVERY),
    }
    rows, checks, notes = [], [], []
    with fixed_bits(threads=1, deterministic=True), TemporaryDirectory() as folder:
        for name, (backbone, updates) in backbones.items():
            contest = Contest(backbone, updates, Path(folder))
            seconds = alternate({"raw": contest.raw, "fit": contest.fit}, repeats=3 if quick else 21)
            ratio = paired_ratio(seconds["fit"], seconds["raw"])
