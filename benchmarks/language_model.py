"""Tokens a second of a language model's `Fit`, driven by `run` with a tracker, beside a raw torch loop, losses equal.

Both train the networks of char_transformer and of an LSTM at about its cost on the same random windows of a made-up
text, from the same weights, by the same clipped AdamW with the same cosine. The bound is held to the median of the
paired ratios of wall-clock time, as in benchmarks/fit.py. No data set is needed: the time does not depend on the text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.fit import LOG_EVERY, means
from benchmarks.measure import Check, Elapsed, Result, Spread, alternate, between, command, paired_ratio
from experiments.supervised import char_transformer
from lab.backbones import RecurrentConfig, SequenceBackbone, TransformerConfig
from lab.data import Vocabulary
from lab.data.corpus import RandomWindows
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.provenance import fixed_bits
from lab.run import RunConfig, run
from lab.schedules import Schedule, cosine
from lab.seeding import Seeds
from lab.tracking import LocalTracker, read_rows
from supervised.language_model import LanguageModel, LanguageModelConfig

BOUND = 0.95  # of the raw loop's tokens a second
BATCH, CONTEXT = 12, 64  # windows, symbols of each
SYMBOLS = 65  # as many as tiny Shakespeare has
RATE, DECAY, MAX_NORM, BETAS = 1e-3, 0.1, 1.0, (0.9, 0.99)


def raw_loop(network: nn.Module, text: Tensor, seeds: Seeds, updates: int) -> list[float]:
    """What one writes without a lab: trains the network, returns the mean loss of every LOG_EVERY updates."""
    torch.manual_seed(seeds.derive("dropout"))
    weights = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in network.parameters() if parameter.ndim < 2]
    groups = [{"params": weights, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, RATE, betas=BETAS, fused=True)
    schedule, generator = _schedule(updates), torch.Generator()
    parameters = list(network.parameters())
    losses: list[Tensor] = []
    network.train()
    for update in range(updates):
        generator.manual_seed(seeds.child("batches").derive(f"windows/{update}"))
        begins = torch.randint(len(text) - CONTEXT, (BATCH, 1), generator=generator)
        window = text[begins + torch.arange(CONTEXT + 1)]
        # The mean of losses, as the learner takes it: torch's own "mean" rounds the last bit otherwise.
        logits = network(window[:, :-1]).flatten(0, 1)
        loss = F.cross_entropy(logits, window[:, 1:].flatten(), reduction="none").mean()
        optimizer.zero_grad()
        loss.backward()
        # clip_grad_norm_ rounds its factor to single precision, so it is written out.
        norm = float(
            nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        )
        if norm > MAX_NORM:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(MAX_NORM / (norm + 1e-6))
        for group in optimizer.param_groups:
            group["lr"] = RATE * schedule(update)
        optimizer.step()
        losses.append(loss.detach())
    return means(losses)


class Contest:
    """One network, trained with the lab and without it."""

    def __init__(self, backbone: TransformerConfig | RecurrentConfig, updates: int, folder: Path):
        self.backbone, self.updates, self.folder, self.seeds = backbone, updates, folder, Seeds(0)
        self.text = torch.randint(SYMBOLS, (100_000,), generator=torch.Generator().manual_seed(0))
        self.losses: dict[str, list[float]] = {}  # by arm, of its last run
        self.networks: dict[str, nn.Module] = {}

    def fit(self, repeat: int) -> Elapsed:
        """Times a run of `Fit`: windows, guard, metrics, rows on the disk and the final digest."""
        learner = self._learner()
        trial = Fit(learner, RandomWindows(self.text, BATCH, CONTEXT, self.seeds.child("batches")), {})
        options = RunConfig(steps=self.updates, log_every=LOG_EVERY, evaluate_every=0, save_every=0)
        path = self.folder / f"{type(self.backbone).__name__}-{repeat}.jsonl"
        elapsed = Elapsed.of(lambda: run(trial, options, LocalTracker(path), seeds=self.seeds))
        self.losses["fit"] = [row["train/loss"] for row in read_rows(path)]
        self.networks["fit"] = learner.network
        return elapsed

    def raw(self, repeat: int) -> Elapsed:
        """Times the raw loop; only the layers and the schedule are the lab's."""
        network = self.networks["raw"] = self._learner().network

        def train() -> None:
            self.losses["raw"] = raw_loop(network, self.text, self.seeds, self.updates)

        return Elapsed.of(train)

    def arms(self) -> dict[str, Callable[[int], Elapsed]]:
        """By name."""
        return {"raw": self.raw, "fit": self.fit}

    def difference(self) -> float:
        """The largest between the losses and final weights of both; 0: they are equal bit for bit."""
        weights = [self.networks[arm].state_dict().values() for arm in ("fit", "raw")]
        far = [abs(ours - theirs) for ours, theirs in zip(self.losses["fit"], self.losses["raw"], strict=True)]
        far += [float((ours - theirs).abs().max()) for ours, theirs in zip(*weights, strict=True)]
        return max(far)

    def _learner(self) -> LanguageModel:
        """The learner at its first weights, which are always the same."""
        with self.seeds.initialising("backbone"):
            backbone = self.backbone.build((CONTEXT, self.backbone.width))
        assert isinstance(backbone, SequenceBackbone)
        optimizer = OptimizerConfig(
            kind="adamw", learning_rate=RATE, betas=BETAS, weight_decay=DECAY, max_norm=MAX_NORM,
            decay=_schedule(self.updates),
        )  # fmt: skip
        vocabulary = Vocabulary(tuple(chr(ord("!") + i) for i in range(SYMBOLS)))
        return LanguageModel(LanguageModelConfig(optimizer=optimizer), backbone, vocabulary, self.seeds)


def _schedule(updates: int) -> Schedule:
    return cosine(1.0, 0.1, updates, warmup_steps=updates // 10)


def measure(quick: bool = False) -> Result:
    """A language model's `Fit` beside a raw torch loop: tokens a second."""
    tiny = TransformerConfig(width=8, num_heads=2, num_layers=1, feedforward_width=16, causal=True)
    transformer = tiny if quick else char_transformer.Config().backbone
    lstm = RecurrentConfig(width=8 if quick else 256)
    updates = LOG_EVERY if quick else 2 * LOG_EVERY
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    with fixed_bits(threads=1, deterministic=True), TemporaryDirectory() as folder:
        for name, backbone in (("transformer", transformer), ("LSTM", lstm)):
            contest = Contest(backbone, updates, Path(folder))
            elapsed = alternate(contest.arms(), repeats=2 if quick else 7)
            speed = paired_ratio(*([each.wall for each in elapsed[arm]] for arm in ("raw", "fit")))
            used = paired_ratio(*([each.processor for each in elapsed[arm]] for arm in ("raw", "fit")))
            tokens = updates * BATCH * CONTEXT
            speeds = (Spread.of([tokens / e.wall for e in elapsed[arm]]).text(digits=0) for arm in ("raw", "fit"))
            rows.append((name, *speeds, between(speed), between(used)))
            checks += [
                Check(name=f"{name}: tokens/s, Fit / raw loop", value=speed.estimate, interval=speed, at_least=BOUND),
                Check(name=f"{name}: losses and weights apart", value=contest.difference(), at_most=0.0),
            ]
    return Result(
        title="A language model's Fit through run, beside a raw torch loop: tokens a second, median (quartiles)",
        header=("network", "raw loop", "Fit", "Fit / raw", "by processor time"),
        rows=rows,
        checks=checks,
        notes=[
            f"The network of char_transformer, and an LSTM of 256; batches of {BATCH} windows of {CONTEXT}, AdamW with",
            "clipping, warm-up and cosine, 1 thread, CPU. Ratios: medians of pairs with 95 % intervals.",
        ],
    )


if __name__ == "__main__":
    sys.exit(command(measure))
