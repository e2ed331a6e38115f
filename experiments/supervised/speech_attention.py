"""A model of sequence to sequence with attention writes down spoken digit strings (Free Spoken Digit Dataset).

The strings, the features and the encoder are those of ctc_digits; in place of CTC a decoder looks back at what was
heard and says one digit after another, until the end. Source: Chan et al. 2016, "Listen, attend and spell".
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.supervised._spoken_digits import OPTIMIZER, SMALL, STEPS, Problem, heard
from lab.data.spoken_digits import official_split, read_spoken_digits
from lab.experiment import Target
from lab.fit import Fit
from lab.seeding import Seeds
from supervised.decoding import DecodingConfig
from supervised.encoder_decoder import DecoderConfig, Symbols
from supervised.judges import judge_word_errors
from supervised.seq2seq import Seq2Seq, Seq2SeqConfig


@dataclass(frozen=True, kw_only=True)
class Config(Problem):
    """Settings of speech_attention."""

    model: Seq2SeqConfig = Seq2SeqConfig(
        decoder=DecoderConfig(width=128, embedding_width=32, attention_width=64, readout_width=64, dropout=0.2),
        optimizer=OPTIMIZER,
        decoding=DecodingConfig(longest=12),
    )


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a model of sequence to sequence x batches of strings, judged on recordings that it never heard."""
    training, test = official_split(read_spoken_digits(config.speakers))
    batches, judged, subsampling, backbone = heard(config, training, test, seeds)
    symbols, device = Symbols.of_labels(len(training.classes)), config.run.torch_device()
    learner = Seq2Seq(config.model, subsampling, backbone, symbols, seeds, device, judge=judge_word_errors)
    return Fit(learner, batches, judged)


TARGET = Target(
    metric="eval/test_wer",
    at_most=0.04,
    steps=STEPS,
    statistic="mean",
    seeds=3,  # a run takes half an hour of a core
    protocol="greedy word error rate on 500 strings of 1 to 5 digits (strings seed 0) of the four speakers' recordings "
    "0 to 4, which are not trained on, as in ctc_digits; last weights; mean over 3 seeds",
    source="the lab's own bound: within one point of that of ctc_digits",
)

SMOKE = Config(
    **SMALL,
    model=Seq2SeqConfig(
        decoder=DecoderConfig(width=8, embedding_width=4, attention_width=4, readout_width=8),
        decoding=DecodingConfig(longest=4),
    ),
)
