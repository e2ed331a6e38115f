"""A transformer of ten million weights writes Shakespeare, character by character, after minutes on a GPU.

nanoGPT's recipe for one GPU: six layers, windows of 256 characters, dropout, bfloat16; but for two fifths of the
updates, as it soon knows the text by heart, and where nanoGPT keeps the best weights by validation, this takes the
last. On a processor without bfloat16 (`--model.bfloat16 False`) it takes half a day.

How many updates was settled by the loss that is judged: after 2,500 it was 1.479 (three seeds), so there are 2,000.

Source: Karpathy 2022, nanoGPT, config/train_shakespeare_char.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._characters import Problem, fit
from lab.backbones import TransformerConfig
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.language_model import LanguageModelConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of char_transformer_large."""

    backbone: TransformerConfig = TransformerConfig(
        width=384,
        num_layers=6,
        num_heads=6,
        feedforward_width=1_536,
        causal=True,
        pool="last",
        dropout=0.2,
        positions="sinusoidal",
    )
    model: LanguageModelConfig = LanguageModelConfig(
        optimizer=OptimizerConfig(
            kind="adamw",
            learning_rate=1e-3,
            betas=(0.9, 0.99),
            weight_decay=0.1,
            max_norm=1.0,
            decay=cosine(1.0, 0.1, 2_000, warmup_steps=100),
        ),
        bfloat16=True,
    )
    context: int = 256  # characters of a window
    embedding: int = 384  # numbers that stand for a character
    batch_size: int = 64  # windows
    run: RunConfig = RunConfig(steps=2_000, log_every=100, evaluate_every=250, save_every=1_000)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a language model x windows of the first nine tenths of the text, judged on the last tenth."""
    return fit(config, seeds)


TARGET = Target(
    metric="eval/validation_loss",
    at_most=1.47,
    steps=2_000,
    statistic="mean",
    seeds=5,
    protocol="nats a character over the last tenth of tiny Shakespeare in windows of 256 that do not overlap, each "
    "character given those before it in its window; last weights after 2,000 updates, a number that this loss has "
    "settled; 5 seeds",
    source="Karpathy 2022, nanoGPT, README: 1.4697 was the best of a run, over 200 random batches of windows",
    published=1.4697,
    needs="a GPU",
)

SMOKE = Config(
    backbone=TransformerConfig(
        width=16, num_layers=1, num_heads=2, feedforward_width=32, causal=True, pool="last", dropout=0.2
    ),
    model=LanguageModelConfig(optimizer=OptimizerConfig(kind="adamw", max_norm=1.0)),
    context=16,
    embedding=8,
    batch_size=4,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
