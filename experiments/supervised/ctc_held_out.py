"""Spoken digit strings of a speaker who was never heard: each of four speakers held out in turn.

An arm is trained on all recordings of three speakers and judged on strings of all recordings of the fourth; its number
is the honest one for a stranger's voice. The settings are those of ctc_digits: none was chosen on a speaker held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.supervised._spoken_digits import SMALL, STEPS, CTCProblem, fit
from lab.data.spoken_digits import hold_out, read_spoken_digits
from lab.experiment import Compared
from lab.fit import Fit
from lab.seeding import Seeds
from supervised.ctc_recogniser import CTCConfig


@dataclass(frozen=True, kw_only=True)
class Config(CTCProblem):
    """Settings of ctc_held_out, which all arms share but for who is held out."""

    held_out: str = "jackson"  # one of the speakers


def variants(config: Config) -> dict[str, Config]:
    """An arm for each speaker, who is held out in it."""
    return {speaker: replace(config, held_out=speaker) for speaker in config.speakers}


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a CTC recogniser x batches of strings of all speakers but one, judged on strings of that one."""
    training, test = hold_out(read_spoken_digits(config.speakers), config.held_out)
    return fit(config, training, test, seeds)


TARGET = None  # nobody has published such a number
COMPARED = Compared(
    metrics=("eval/test_wer",),
    lower=("eval/test_wer",),
    steps=STEPS,
    seeds=3,  # a run takes a quarter of an hour of a core, and there are four arms
    averaged=True,
    protocol="greedy word error rate on 500 strings of 1 to 5 digits (strings seed 0) of all recordings of the speaker "
    "who is held out, last weights",
)

SMOKE = Config(**SMALL, recogniser=CTCConfig())
