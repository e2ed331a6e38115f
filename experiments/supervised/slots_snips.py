"""A bidirectional LSTM reads requests to an assistant: the slot of each word and the intent of the whole (SNIPS).

Of a word it knows the word, if the training part has it, and the letters that it begins and ends with: a quarter of the
test part's slots are filled by what fills none in the training part. The tags are the likeliest sequence that makes
sense (no I- without its B-); `wordwise_f1` is what each word's likeliest tag would score. Settings were chosen on the
valid part.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._slots import Problem, fit
from lab.backbones import RecurrentConfig
from lab.experiment import Bound, Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.embedding import EmbeddingConfig
from supervised.tagger import TaggerConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of slots_snips."""

    tagger: TaggerConfig = TaggerConfig(
        optimizer=OptimizerConfig(learning_rate=2e-3, max_norm=1.0, decay=cosine(1.0, 0.0, 4_000)), legal=True
    )
    run: RunConfig = RunConfig(steps=4_000, log_every=100, evaluate_every=1_000, save_every=2_000, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a tagger x batches of training requests."""
    return fit(config, seeds)


TARGET = Target(
    metric="eval/test_slot_f1",
    at_least=0.888,
    beside=(Bound(metric="eval/test_accuracy", at_least=0.970),),
    steps=4_000,
    statistic="mean",
    seeds=5,
    protocol="conlleval's F1 of the slots, the likeliest tags that make whole slots (Viterbi), and the share of right "
    "intents, on the 700 requests of the test part; last weights, mean over 5 seeds",
    source="Goo et al. 2018, slot-gated modelling with full attention: slot F1 0.888, intent 0.970",
    published=0.888,
)

SMOKE = Config(
    embedding=EmbeddingConfig(width=8, affix_width=2, dropout=0.4, word_dropout=0.2),
    backbone=RecurrentConfig(width=8, bidirectional=True, dropout=0.5),
    tagger=TaggerConfig(optimizer=OptimizerConfig(learning_rate=2e-3, max_norm=1.0), legal=True),
    batch_size=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1),
)
