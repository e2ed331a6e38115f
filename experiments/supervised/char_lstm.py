"""A recurrent network (LSTM) writes Shakespeare, character by character, at about the cost of char_transformer.

Sources: Graves 2013, "Generating sequences with recurrent neural networks"; Karpathy 2015, "The unreasonable
effectiveness of recurrent neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._characters import Problem, fit
from lab.backbones import RecurrentConfig
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.language_model import LanguageModelConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of char_lstm."""

    backbone: RecurrentConfig = RecurrentConfig(cell="lstm", width=384)
    model: LanguageModelConfig = LanguageModelConfig(
        optimizer=OptimizerConfig(
            kind="adamw",
            learning_rate=5e-3,
            betas=(0.9, 0.99),
            weight_decay=0.01,
            max_norm=1.0,
            decay=cosine(1.0, 0.03, 2_500, warmup_steps=100),
        )
    )
    embedding: int = 64  # numbers that stand for a character
    run: RunConfig = RunConfig(steps=2_500, log_every=100, evaluate_every=500, save_every=500, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a language model x windows of the first nine tenths of the text, judged on the last tenth."""
    return fit(config, seeds)


TARGET = Target(
    metric="eval/validation_loss",
    at_most=1.6,
    steps=2_500,
    statistic="mean",
    seeds=5,
    protocol="nats a character over the last tenth of tiny Shakespeare in windows of 64 that do not overlap, each "
    "character given those before it in its window; last weights after 2,500 updates, no choice by this loss; 5 seeds",
    source="the lab's own bound, at about the cost of char_transformer, which is held to 1.88",
)

SMOKE = Config(
    backbone=RecurrentConfig(cell="lstm", width=16),
    context=16,
    embedding=8,
    batch_size=4,
    run=RunConfig(steps=60, log_every=10, evaluate_every=0, save_every=10, threads=1),
)
