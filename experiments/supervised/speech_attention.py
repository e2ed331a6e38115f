"""A model of sequence to sequence with attention writes down spoken digit strings (Free Spoken Digit Dataset).

The strings, the features and the encoder are those of ctc_digits; in place of CTC a decoder looks back at what was
heard and says one digit after another, until the end. Source: Chan et al. 2016, "Listen, attend and spell".
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.backbones import RecurrentConfig
from lab.data.sound_augmentation import SoundAugmentConfig
from lab.data.spectra import Spectra, SpectraConfig
from lab.data.spoken_digits import SPEAKERS, official_split, read_spoken_digits
from lab.data.spoken_strings import StringBatches, Strings, StringsConfig, fixed_strings
from lab.experiment import Target
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.decoding import DecodingConfig
from supervised.encoder_decoder import DecoderConfig, Symbols
from supervised.judges import judge_word_errors
from supervised.seq2seq import Seq2Seq, Seq2SeqConfig
from supervised.subsampling import SubsamplingConfig

STEPS = 3_000  # updates


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of speech_attention."""

    speakers: tuple[str, ...] = SPEAKERS
    spectra: SpectraConfig = SpectraConfig()
    strings: StringsConfig = StringsConfig()
    augment: SoundAugmentConfig = SoundAugmentConfig(speed=0.1, noise=(10.0, 50.0))
    subsampling: SubsamplingConfig = SubsamplingConfig(widths=(128, 128), dropout=0.1)
    backbone: RecurrentConfig = RecurrentConfig(width=128, bidirectional=True, dropout=0.3)
    model: Seq2SeqConfig = Seq2SeqConfig(
        decoder=DecoderConfig(width=128, embedding_width=32, attention_width=64, readout_width=64, dropout=0.2),
        optimizer=OptimizerConfig(
            kind="adamw",
            learning_rate=2e-3,
            weight_decay=0.01,
            max_norm=5.0,
            decay=cosine(1.0, 0.0, STEPS, warmup_steps=100),
        ),
        decoding=DecodingConfig(longest=12),
    )
    batch_size: int = 16  # strings
    test_strings: int = 500
    strings_seed: int = 0  # which strings are for testing
    run: RunConfig = RunConfig(steps=STEPS, log_every=50, evaluate_every=500, save_every=500, device="cpu", threads=1)


def build(config: Config, seeds: Seeds) -> Fit:
    """The trial: a model of sequence to sequence x batches of strings, judged on recordings that it never heard."""
    device = config.run.torch_device()
    training, test = official_split(read_spoken_digits(config.speakers))
    strings, judged = Strings(config.strings, training.to(device)), Strings(config.strings, test.to(device))
    spectra = Spectra(config.spectra, training.rate).to(device)
    with seeds.initialising("subsampling"):
        subsampling = config.subsampling.build(config.spectra.num_features)
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((1, subsampling.out_features))  # any number of steps is taken
    symbols = Symbols.of_labels(len(training.classes))
    learner = Seq2Seq(config.model, subsampling, backbone, symbols, seeds, device, judge=judge_word_errors)
    augments = config.augment.build(training.rate)
    batches = StringBatches(strings, spectra, config.batch_size, seeds.child("batches"), augments=augments)
    strings_for_testing = fixed_strings(judged, spectra, config.test_strings, Seeds(config.strings_seed))
    return Fit(learner, batches, {"test": strings_for_testing})


TARGET = Target(
    metric="eval/test_wer",
    at_most=0.04,
    steps=STEPS,
    statistic="mean",
    protocol="greedy word error rate on 500 strings of 1 to 5 digits (strings seed 0) of the four speakers' recordings "
    "0 to 4, which are not trained on, as in ctc_digits; last weights; mean over 5 seeds",
    source="the lab's own bound: within one point of that of ctc_digits",
)

SMOKE = Config(
    speakers=("nicolas", "yweweler"),
    strings=StringsConfig(most_words=2, longest_gap=0.05),
    spectra=SpectraConfig(num_bands=10),
    subsampling=SubsamplingConfig(widths=(8, 8)),
    backbone=RecurrentConfig(width=4, bidirectional=True),
    model=Seq2SeqConfig(
        decoder=DecoderConfig(width=8, embedding_width=4, attention_width=4, readout_width=8),
        decoding=DecodingConfig(longest=4),
    ),
    batch_size=2,
    test_strings=8,
    run=RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, device="cpu", threads=1),
)
