"""What the experiments on spoken digit strings share: what is heard, and of those with CTC one recogniser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.backbones import RecurrentConfig, SequenceBackbone, TransformerConfig
from lab.data import SequenceSet
from lab.data.audio import Recordings
from lab.data.sound_augmentation import SoundAugmentConfig
from lab.data.spectra import Spectra, SpectraConfig
from lab.data.spoken_digits import SPEAKERS
from lab.data.spoken_strings import StringBatches, Strings, StringsConfig, fixed_strings
from lab.fit import Fit
from lab.optim import OptimizerConfig
from lab.ranges import check_least
from lab.run import RunConfig
from lab.schedules import cosine
from lab.seeding import Seeds
from supervised.ctc_recogniser import CTCConfig, CTCRecogniser
from supervised.sound_pictures import transcripts
from supervised.subsampling import Subsampling, SubsamplingConfig

STEPS = 3_000  # updates
OPTIMIZER = OptimizerConfig(
    kind="adamw",
    learning_rate=2e-3,
    weight_decay=0.01,
    max_norm=5.0,
    decay=cosine(1.0, 0.0, STEPS, warmup_steps=100),
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The settings that all of them have."""

    speakers: tuple[str, ...] = SPEAKERS
    spectra: SpectraConfig = SpectraConfig()
    strings: StringsConfig = StringsConfig()
    augment: SoundAugmentConfig = SoundAugmentConfig(speed=0.1, noise=(10.0, 50.0))
    subsampling: SubsamplingConfig = SubsamplingConfig(widths=(128, 128), dropout=0.1)
    backbone: RecurrentConfig | TransformerConfig = RecurrentConfig(width=128, bidirectional=True, dropout=0.3)
    batch_size: int = 16  # strings
    test_strings: int = 500  # 0: nothing is judged
    strings_seed: int = 0  # which strings are for testing
    run: RunConfig = RunConfig(steps=STEPS, log_every=50, evaluate_every=500, save_every=500, device="cpu", threads=1)

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        check_least(self, test_strings=0)


@dataclass(frozen=True, kw_only=True)
class CTCProblem(Problem):
    """The settings of those with CTC."""

    recogniser: CTCConfig = CTCConfig(optimizer=OPTIMIZER, beam_width=8)


class Heard(NamedTuple):
    """What is heard, and the untrained parts that hear it."""

    batches: StringBatches
    judged: dict[str, SequenceSet]  # the test part, if there is one
    subsampling: Subsampling
    backbone: SequenceBackbone  # above the subsampling


def heard(config: Problem, training: Recordings, test: Recordings, seeds: Seeds) -> Heard:
    """Strings of the training recordings, others for testing, and first weights for what is to hear them."""
    device = config.run.torch_device()
    strings, others = Strings(config.strings, training.to(device)), Strings(config.strings, test.to(device))
    spectra = Spectra(config.spectra, training.rate).to(device)
    with seeds.initialising("subsampling"):
        subsampling = config.subsampling.build(config.spectra.num_features)
    # Only a transformer needs to know how long a string can be.
    most_samples = math.ceil(max(strings.most_samples, others.most_samples) / (1 - config.augment.speed))
    most_steps = int(subsampling.left(spectra.num_frames(torch.tensor(most_samples))))
    with seeds.initialising("backbone"):
        backbone = config.backbone.build((most_steps, subsampling.out_features))
    augments = config.augment.build(training.rate, clean_seconds=training.seconds, device=device)
    batches = StringBatches(strings, spectra, config.batch_size, seeds.child("batches"), augments=augments)
    judged = {}
    if config.test_strings:
        judged["test"] = fixed_strings(others, spectra, config.test_strings, Seeds(config.strings_seed))
    return Heard(batches, judged, subsampling, backbone)


def fit(config: CTCProblem, training: Recordings, test: Recordings, seeds: Seeds) -> Fit:
    """The trial: a CTC recogniser x batches of strings of the training recordings, judged on strings of the others."""
    batches, judged, subsampling, backbone = heard(config, training, test, seeds)
    recogniser = CTCRecogniser(
        config.recogniser, subsampling, backbone, len(training.classes), seeds, config.run.torch_device()
    )
    show = lambda: {"transcripts": transcripts(recogniser, judged["test"], training.classes)}  # noqa: E731
    return Fit(recogniser, batches, judged, show=show if judged else None)


SMALL: dict[str, Any] = {  # settings of the smallest versions
    "speakers": ("nicolas", "yweweler"),
    "strings": StringsConfig(most_words=2, longest_gap=0.05),
    "spectra": SpectraConfig(num_bands=10),
    "subsampling": SubsamplingConfig(widths=(8, 8)),
    "backbone": RecurrentConfig(width=4, bidirectional=True, dropout=0.3),
    "batch_size": 2,
    "test_strings": 8,
    "run": RunConfig(steps=60, log_every=10, evaluate_every=30, save_every=10, device="cpu", threads=1),
}
