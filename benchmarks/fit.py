"""`Fit`, driven by `run` with a tracker, beside a raw torch loop and PyTorch Lightning, with equal losses.

All train the network of cnn_digits (without augmentation), and then that of mlp_digits, on the same batches from the
same weights with the same Adam. The bounds are held to the median of the paired ratios of wall-clock time: the runs of
a round are neighbours in time, so what slows the machine down for a while slows all. Where Lightning is not installed
(`make bench` installs it), its arms are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
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
from lab.statistics import Interval
from lab.tracking import LocalTracker, read_rows
from supervised.classifier import Classifier, ClassifierConfig

BOUND = 1.03
BATCH = 64  # examples
LEARNING_RATE = 1e-3
LOG_EVERY = 50  # updates
LEFT_OUT = "left out"


def chosen(size: int, seeds: Seeds, epoch: int) -> tuple[Tensor, ...]:
    """The examples of each batch of an epoch: indices [BATCH], as `Batches` draws them."""
    generator = torch.Generator().manual_seed(seeds.child("batches").derive(f"epoch/{epoch}"))
    return torch.randperm(size, generator=generator).split(BATCH)[: size // BATCH]


def means(losses: Sequence[Tensor]) -> list[float]:
    """The mean of every LOG_EVERY losses."""
    return [float(part.double().mean()) for part in torch.stack(list(losses)).split(LOG_EVERY)]


def raw_loop(network: nn.Module, data: Dataset, seeds: Seeds, updates: int) -> list[float]:
    """What one writes without a lab: trains the network, returns the mean loss of every LOG_EVERY updates."""
    torch.manual_seed(seeds.derive("dropout"))
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    losses: list[Tensor] = []
    network.train()
    step = epoch = 0
    while step < updates:
        for indices in chosen(len(data), seeds, epoch)[: updates - step]:
            # The mean of losses, as the classifier takes it: torch's own "mean" rounds the last bit otherwise.
            loss = F.cross_entropy(network(data.inputs[indices]), data.labels[indices], reduction="none").mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            step += 1
        epoch += 1
    return means(losses)


class Epochs:
    """The raw loop's batches, an epoch each time it is gone through: all that Lightning asks of a data loader."""

    def __init__(self, data: Dataset, seeds: Seeds):
        self.data, self.seeds, self.epoch = data, seeds, 0

    def __len__(self) -> int:
        return len(self.data) // BATCH

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.epoch += 1  # now, since Lightning counts the batches and does not ask for one more
        for indices in chosen(len(self.data), self.seeds, self.epoch - 1):
            yield self.data.inputs[indices], self.data.labels[indices]


class Contest:
    """One network, trained with the lab, without it, and with Lightning."""

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

    def lightning(self, repeat: int) -> Elapsed:
        """Times Lightning's loop with all switched off that its users switch off for speed."""
        return self._lightning("lightning", as_it_comes=False)

    def lightning_as_it_comes(self, repeat: int) -> Elapsed:
        """Times Lightning's loop with its defaults: progress bar, logger, checkpoints, model summary."""
        return self._lightning("as it comes", as_it_comes=True)

    def _lightning(self, arm: str, *, as_it_comes: bool) -> Elapsed:
        from benchmarks.lightning import Training

        network = self.networks[arm] = self._classifier().network
        epochs = Epochs(self.data, self.seeds)
        training = Training(network, epochs, self.updates, LEARNING_RATE, self.folder, as_it_comes=as_it_comes)

        def train() -> None:
            torch.manual_seed(self.seeds.derive("dropout"))
            self.losses[arm] = means(training.train())

        return Elapsed.of(train)

    def arms(self) -> dict[str, Callable[[int], Elapsed]]:
        """By name; Lightning's only where it is installed."""
        ours: dict[str, Callable[[int], Elapsed]] = {"raw": self.raw, "fit": self.fit}
        if not lightning_is_installed():
            return ours
        return ours | {"lightning": self.lightning, "as it comes": self.lightning_as_it_comes}

    def difference(self, arm: str) -> float:
        """The largest between an arm's losses and final weights and the raw loop's; 0: they are equal bit for bit."""
        weights = [network.state_dict().values() for network in (self.networks[arm], self.networks["raw"])]
        far = [abs(ours - theirs) for ours, theirs in zip(self.losses[arm], self.losses["raw"], strict=True)]
        far += [float((ours.double() - theirs.double()).abs().max()) for ours, theirs in zip(*weights, strict=True)]
        return max(far)

    def _classifier(self) -> Classifier:
        """The learner at its first weights, which are always the same."""
        with self.seeds.initialising("backbone"):
            backbone = self.backbone.build(tuple(self.data.inputs.shape[1:]))
        optimizer = OptimizerConfig(kind="adam", learning_rate=LEARNING_RATE)
        return Classifier(ClassifierConfig(optimizer=optimizer), backbone, 10, self.seeds)


def lightning_is_installed() -> bool:
    """Whether there is a peer to compare with."""
    return find_spec("pytorch_lightning") is not None


def measure(quick: bool = False) -> Result:
    """`Fit` beside a raw torch loop and PyTorch Lightning on the same small networks."""
    tiny = ConvolutionConfig(channels=(4,), batch_norm=True, dropout=0.1), MLPConfig(widths=(8,), dropout=0.1)
    cnn, mlp = tiny if quick else (cnn_digits.Config().backbone, mlp_digits.Config().backbone)
    cnn_updates, mlp_updates = (LOG_EVERY, LOG_EVERY) if quick else (2 * LOG_EVERY, 8 * LOG_EVERY)
    rows, defaults = [], []
    checks: list[Check] = []
    with fixed_bits(threads=1, deterministic=True), TemporaryDirectory() as folder:
        for name, backbone, updates, bound in (("CNN", cnn, cnn_updates, BOUND), ("MLP", mlp, mlp_updates, None)):
            contest = Contest(backbone, updates, Path(folder))
            elapsed = alternate(contest.arms(), repeats=2 if quick else 21)
            rows.append(_row(name, updates, elapsed))
            checks += _checks(name, contest, elapsed, bound)
            if "as it comes" in elapsed:
                defaults.append(f"{between(_ratio(elapsed, 'as it comes', 'fit'), 2)} ({name})")
    return Result(
        title="Fit through run, beside a raw torch loop and Lightning: milliseconds an update, median (quartiles)",
        header=("network", "raw loop", "Fit", "Lightning", "Fit / raw", "processor", "overhead, us", "Lightning / Fit"),
        rows=rows,
        checks=checks,
        notes=[
            f"The networks of cnn_digits and mlp_digits, batches of {BATCH} digits, fused Adam, 1 thread, CPU.",
            "Ratios: medians of pairs with 95 % intervals. Bounds are held to ratios of wall-clock time; the ratio of",
            "processor time is less disturbed by other programs, and where the two disagree, the machine was busy.",
            "The MLP has no bound to the raw loop: it shows what Fit costs where an update is hardly more than calls.",
            *_of_lightning(defaults),
        ],
    )


def _row(name: str, updates: int, elapsed: dict[str, list[Elapsed]]) -> tuple[str, ...]:
    times = [
        Spread.of([each.wall for each in elapsed[arm]]).text(1e3 / updates) if arm in elapsed else LEFT_OUT
        for arm in ("raw", "fit", "lightning")
    ]
    used = paired_ratio(*([each.processor for each in elapsed[arm]] for arm in ("fit", "raw")))
    overhead = 1e6 * (used.estimate - 1) * Spread.of([each.processor for each in elapsed["raw"]]).median / updates
    factor = between(_ratio(elapsed, "lightning", "fit")) if "lightning" in elapsed else LEFT_OUT
    return (name, *times, between(_ratio(elapsed, "fit", "raw")), between(used), f"{overhead:.0f}", factor)


def _checks(name: str, contest: Contest, elapsed: dict[str, list[Elapsed]], bound: float | None) -> Iterator[Check]:
    """Speed beside the raw loop where there is a bound, speed beside Lightning, and that all did the same work."""
    ratio = _ratio(elapsed, "fit", "raw")
    if bound is not None:
        yield Check(name=f"{name}: Fit / raw loop", value=ratio.estimate, interval=ratio, at_most=bound)
    if "lightning" in elapsed:
        factor = _ratio(elapsed, "lightning", "fit")
        yield Check(name=f"{name}: Lightning / Fit", value=factor.estimate, interval=factor, at_least=1.0)
    for arm in [arm for arm in elapsed if arm != "raw"]:
        apart = contest.difference(arm)
        yield Check(name=f"{name}: losses and weights apart, {arm} and raw loop", value=apart, at_most=0.0)


def _ratio(elapsed: dict[str, list[Elapsed]], over: str, under: str) -> Interval:
    """Of the wall-clock times of two arms."""
    return paired_ratio(*([each.wall for each in elapsed[arm]] for arm in (over, under)))


def _of_lightning(defaults: Sequence[str]) -> list[str]:
    """What the arm was, or that there was none."""
    if not defaults:
        return ["PyTorch Lightning is not installed, so its arm is left out. `make bench` installs it."]
    return [
        f"PyTorch Lightning {version('pytorch-lightning')} without progress bar, logger, checkpoints, model summary,",
        "self.log and sanity checks. As it comes, with all of these, it takes",
        f"{' and '.join(defaults)} times as long as Fit.",
    ]


if __name__ == "__main__":
    sys.exit(command(measure))
