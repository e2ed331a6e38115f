"""Sound: WAV files as waveforms, and sets of labelled recordings."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lab.data.sequences import Ragged
from lab.data.text import opened

QUIETEST = 1e-3  # of full scale, -60 dB: the peak below which nothing is heard but noise, which normalising would raise

# By bytes a sample; those of one byte lie about 128.
_SAMPLES: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 2: np.dtype("<i2"), 4: np.dtype("<i4")}


def read_wav(path: str | Path, rate: int) -> Tensor:
    """A WAV file's waveform [samples] float32 in [-1, 1]; `rate` is how many samples a second it has to have.

    Raises ValueError, which names the file, for what is no WAV file of whole-number samples of 8, 16 or 32 bits, for
    another rate, for more than one channel, and for sound that is not there: no file, no samples, or silence.
    """
    with opened(Path(path)) as file:
        return decode_wav(file.read(), str(path), rate)


def read_wavs(place: str | Path, rate: int) -> Tensor:
    """The waveform of a WAV file, or of all those in a folder and the folders in it, by name and one after another.

    Raises ValueError as `read_wav`, and for a folder without any.
    """
    place = Path(place)
    if not place.is_dir():
        return read_wav(place, rate)
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() == ".wav" and not path.name.startswith("."))
    if not files:
        raise ValueError(f"{place} holds no file whose name ends in .wav. Name another folder, or one such file.")
    return torch.cat([read_wav(path, rate) for path in files])


def decode_wav(content: bytes, name: str, rate: int) -> Tensor:
    """As `read_wav`, of a file's content; `name` is what errors call it."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, found_rate, num_samples, *_ = file.getparams()
            packed = file.readframes(num_samples)
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"{name} cannot be read as sound: {str(error) or 'it ends too early'}. Write it anew as a WAV file of "
            "16-bit PCM samples."
        ) from error
    if channels != 1:
        raise ValueError(
            f"{name} has {channels} channels, but a waveform is one. Mix them to one, or keep the channel that matters."
        )
    if width not in _SAMPLES:
        raise ValueError(
            f"{name} has samples of {8 * width} bits, which are not read. Convert it to samples of 8, 16 or 32 bits."
        )
    if found_rate != rate:
        raise ValueError(
            f"{name} has {found_rate:,} samples a second, but {rate:,} are expected, at which its pitch and pace would "
            f"be wrong. Resample it to {rate:,}, or expect {found_rate:,} of all files."
        )
    if len(packed) < num_samples * width:
        raise ValueError(
            f"{name} is cut short: it promises {num_samples:,} samples and holds {len(packed) // width:,}. Get it "
            "again."
        )
    samples = np.frombuffer(packed, _SAMPLES[width])
    if not len(samples):
        raise ValueError(f"{name} has no samples. Record it again, or leave the file out.")
    half = 1 << (8 * width - 1)  # exact in float32 up to 24 bits; of 32 bits it keeps the first 24
    peak = (int(samples.max()) - int(samples.min())) / 2 / half  # about the middle, wherever a constant shifts that
    if peak < QUIETEST:
        raise ValueError(
            f"{name} is silent: the peak of its {len(samples):,} samples is {peak:.2g} of full scale, and sound "
            f"reaches {QUIETEST:g} or more. Record it again, louder, or leave the file out."
        )
    centred = samples.astype(np.float64) - (half if width == 1 else 0)
    return torch.from_numpy((centred / half).astype(np.float32))


@dataclass(frozen=True)
class Recordings:
    """N recordings at one rate, each of one speaker who says one thing."""

    waveforms: Ragged  # values float32 [all samples] in [-1, 1]
    labels: Tensor  # int64 [N]: classes[labels[i]] is said in i
    speakers: Tensor  # int64 [N]: speaker_names[speakers[i]] says it
    takes: Tensor  # int64 [N]: the number of the recording among those of the same speaker and class
    rate: int  # samples a second
    classes: tuple[str, ...]
    speaker_names: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = [len(self.waveforms), len(self.labels), len(self.speakers), len(self.takes)]
        if len(set(counts)) != 1:
            raise ValueError(
                f"There are {counts[0]} waveforms, {counts[1]} labels, {counts[2]} speakers and {counts[3]} takes. "
                "Each recording needs one of each."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def seconds(self) -> float:
        """How long all of it lasts."""
        return len(self.waveforms.values) / self.rate

    def excerpt(self) -> str:
        """What there is, in words: who says what, how often, and for how long."""
        counts = self.speakers.bincount(minlength=len(self.speaker_names)).tolist()
        lines = [f"{len(self):,} recordings at {self.rate:,} samples a second of {', '.join(self.classes)}"]
        for speaker, (name, count) in enumerate(zip(self.speaker_names, counts)):
            samples = int(self.waveforms.lengths[self.speakers == speaker].sum())
            lines.append(f"{name}, {count:,} recordings, {samples / self.rate / 60:.1f} minutes")
        return "\n".join(lines)

    def subset(self, indices: Tensor) -> Recordings:
        """The recordings at `indices`, [K] int64 or [N] bool, in that order."""
        if indices.dtype == torch.bool:
            indices = indices.nonzero().squeeze(1)
        return Recordings(
            self.waveforms.subset(indices),
            self.labels[indices],
            self.speakers[indices],
            self.takes[indices],
            self.rate,
            self.classes,
            self.speaker_names,
        )

    def to(self, device: torch.device | str) -> Recordings:
        """The same on another device."""
        return Recordings(
            self.waveforms.to(device),
            self.labels.to(device),
            self.speakers.to(device),
            self.takes.to(device),
            self.rate,
            self.classes,
            self.speaker_names,
        )
