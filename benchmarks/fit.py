"""`Fit`, driven by `run` with a tracker, beside a raw torch loop on the same small network, with equal losses.

Both train the network of cnn_digits (without augmentation) on the same batches from the same weights with the same
Adam. The bound is held to the median of the paired ratios of wall-clock time: the two runs of a pair are neighbours
in time, so what slows the machine down for a while slows both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import Check, Elapsed, Result, Spread, alternate, between, command, paired_ratio
from experiments.supervised import cnn_digits, mlp_digits
from lab.backbones import ConvolutionConfig, MLPConfig
from lab.data import Batches, Dataset, digits
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
            # The mean of losses, as the classifier takes it: torch's own "mean" rounds the last bit otherwise.
            loss = F.cross_entropy(network(data.inputs[chosen]), data.labels[chosen], reduction="none").mean()
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


class Contest:
    """One network, trained with the lab and without it."""

    def __init__(self, backbone: ConvolutionConfig | MLPConfig, updates: int, folder: Path):
        self.backbone, self.updates, self.folder = backbone, updates, folder
        self.data, self.seeds = digits(), Seeds(0)
        self.losses: dict[str, list[float]] = {}  # by arm, of its last run
        self.networks: dict[str, nn.Module] = {}

    def fit(self, repeat: int) -> Elapsed:
        """Times a run of `Fit`: batches, guard, metrics, rows on the disk and the final digest."""
        classifier = self._classifier()
        trial = Fit(classifier, Batches(self.data, BATCH, self.seeds.child("batches")), {})
        options = RunConfig(steps=self.updates, log_every=LOG_EVERY, evaluate_every=0, save_every=0)
        path = self.folder / f"{self.backbone.__class__.__name__}-{repeat}.jsonl"
        elapsed = Elapsed.of(lambda: run(trial, options, LocalTracker(path), seeds=self.seeds))
        self.losses["fit"] = [row["train/loss"] for row in read_rows(path)]
        self.networks["fit"] = classifier.network
        return elapsed

    def raw(self, repeat: int) -> Elapsed:
        """Times the raw loop; only the layers are the lab's."""
        network = self.networks["raw"] = self._classifier().network

        def train() -> None:
            self.losses["raw"] = raw_loop(network, self.data, self.seeds, self.updates)

        return Elapsed.of(train)

    def difference(self) -> float:
        """The largest one between the losses and final weights of the two; 0 says that they are equal bit for bit."""
        weights = [network.state_dict().values() for network in (self.networks["fit"], self.networks["raw"])]
        far = [abs(ours - theirs) for ours, theirs in zip(self.losses["fit"], self.losses["raw"], strict=True)]
        far += [float((ours.double() - theirs.double()).abs().max()) for ours, theirs in zip(*weights, strict=True)]
        return max(far)

    def _classifier(self) -> Classifier:
        """The learner at its first weights, which are always the same."""
        with self.seeds.initialising("backbone"):
            backbone = self.backbone.build(tuple(self.data.inputs.shape[1:]))
        optimizer = OptimizerConfig(kind="adam", learning_rate=LEARNING_RATE)
        return Classifier(ClassifierConfig(optimizer=optimizer), backbone, 10, self.seeds)


def measure(quick: bool = False) -> Result:
    """`Fit` beside a raw torch loop on the same small networks."""
    tiny = ConvolutionConfig(channels=(4,), batch_norm=True, dropout=0.1), MLPConfig(widths=(8,), dropout=0.1)
    cnn, mlp = tiny if quick else (cnn_digits.Config().backbone, mlp_digits.Config().backbone)
    cnn_updates, mlp_updates = (LOG_EVERY, LOG_EVERY) if quick else (2 * LOG_EVERY, 8 * LOG_EVERY)
    rows, checks = [], []
    with fixed_bits(threads=1, deterministic=True), TemporaryDirectory() as folder:
        for name, backbone, updates, bounded in (("CNN", cnn, cnn_updates, True), ("MLP", mlp, mlp_updates, False)):
            contest = Contest(backbone, updates, Path(folder))
            elapsed = alternate({"raw": contest.raw, "fit": contest.fit}, repeats=2 if quick else 21)
            raw, fit = ([each.wall for each in elapsed[arm]] for arm in ("raw", "fit"))
            ratio = paired_ratio(fit, raw)
            used = paired_ratio(*([each.processor for each in elapsed[arm]] for arm in ("fit", "raw")))
            an_update = 1e3 / contest.updates
            texts = Spread.of(raw).text(an_update), Spread.of(fit).text(an_update)
            overhead = 1e6 * (used.estimate - 1) * Spread.of([each.processor for each in elapsed["raw"]]).median
            rows.append((name, *texts, between(ratio), between(used), f"{overhead / contest.updates:.0f}"))
            if bounded:
                checks.append(
                    Check(name=f"{name}: Fit / raw loop", value=ratio.estimate, interval=ratio, at_most=BOUND)
                )
            checks.append(Check(name=f"{name}: losses and weights apart", value=contest.difference(), at_most=0.0))
    return Result(
        title="Fit through run, with a tracker, beside a raw torch loop: milliseconds an update, median (quartiles)",
        header=("network", "raw loop", "Fit", "wall ratio", "processor ratio", "overhead, us"),
        rows=rows,
        checks=checks,
        notes=[
            f"The networks of cnn_digits and mlp_digits, batches of {BATCH} digits, fused Adam, 1 thread, CPU.",
            "Ratios: medians of pairs with 95 % intervals. The bound is held to the wall ratio; the ratio of processor",
            "time is less disturbed by other programs, and where the two disagree, the machine was busy.",
            "The MLP has no bound: it shows the overhead where an update hardly costs more than calling torch.",
        ],
    )


if __name__ == "__main__":
    sys.exit(command(measure))
