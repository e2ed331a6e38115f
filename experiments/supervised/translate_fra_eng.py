"""A model of sequence to sequence with attention translates French sentences into English (Tatoeba)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._translation import PROTOCOL, SMALL, Problem, fit, learnt_in
from lab.experiment import Target
from lab.fit import Fit
from lab.run import RunConfig
from lab.seeding import Seeds
from supervised.seq2seq import Seq2SeqConfig

STEPS = 6_000  # updates, 3 epochs


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of translate_fra_eng."""

    model: Seq2SeqConfig = learnt_in(STEPS)
    run: RunConfig = RunConfig(steps=STEPS, log_every=100, evaluate_every=3_000, save_every=1_000, threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a model of sequence to sequence x French sentences with their English translations."""
    return fit(config, seeds)


TARGET = Target(
    metric="eval/test_bleu",
    at_least=32.0,
    steps=STEPS,
    statistic="mean",
    seeds=3,  # a run takes 12 minutes of a core
    protocol=PROTOCOL,
    source="the lab's own bound, which half the updates reach: nobody has published a BLEU of this split",
)
SMOKE = Config(**SMALL, run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, threads=1))
