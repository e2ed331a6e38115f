"""A recogniser of spoken digit strings learns by CTC what was said, not when (Free Spoken Digit Dataset).

Strings of one to five digits, single recordings of one of four speakers strung together, anew in every batch: of
recordings 5 to 49 of each digit for training, of 0 to 4, the publisher's test part, for judging. Settings were chosen
on recordings 5 to 9, with 10 to 49 for training.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._spoken_digits import SMALL, STEPS, CTCProblem, fit
from lab.data.spoken_digits import official_split, read_spoken_digits
from lab.experiment import Target
from lab.fit import Fit
from lab.seeding import Seeds
from supervised.ctc_recogniser import CTCConfig


@dataclass(frozen=True, kw_only=True)
class Config(CTCProblem):
    """Settings of ctc_digits."""


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a CTC recogniser x batches of strings, judged on strings of recordings that it never heard."""
    training, test = official_split(read_spoken_digits(config.speakers))
    return fit(config, training, test, seeds)


TARGET = Target(
    metric="eval/test_wer",
    at_most=0.03,
    steps=STEPS,
    statistic="mean",
    protocol="greedy word error rate on 500 strings of 1 to 5 digits (strings seed 0) of the four speakers' recordings "
    "0 to 4, which are not trained on; last weights; mean over 5 seeds",
    source="the lab's own bound: nobody has published a word error rate of digit strings for this data set",
)

SMOKE = Config(**SMALL, recogniser=CTCConfig())
