"""Spectra of sound: log-mel energies and cepstral coefficients (MFCC), a whole batch at once on its device.

Letters: B batch, S samples, T frames, M mel bands, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lab.backbones.sequence import valid_steps
from lab.data.sequences import Padded


@dataclass(frozen=True, kw_only=True)
class SpectraConfig:
    """How a waveform becomes features: 25 ms windows every 10 ms at 8,000 samples a second."""

    kind: Literal["log_mel", "mfcc"] = "log_mel"
    window: int = 200  # samples of the Hann window
    hop: int = 80  # samples from one frame to the next
    frame: int = 256  # samples of a Fourier transform, the window in its middle
    num_bands: int = 40  # mel bands
    lowest: float = 0.0  # Hz, where the first band begins
    highest: float | None = None  # Hz, where the last band ends; none: half the rate
    num_coefficients: int = 13  # of mfcc: the first ones
    floor: float = 1e-7  # the least power of a band; the logarithm of silence would be infinite
    normalised: bool = True  # each feature of each waveform has mean 0 and deviation 1 over its frames

    def __post_init__(self) -> None:
        if not 1 <= self.window <= self.frame or self.hop < 1:
            raise ValueError(
                f"window is {self.window}, frame {self.frame} and hop {self.hop} samples, but a window lies within its "
                "frame and frames move on. Keep 1 <= window <= frame and hop at least 1."
            )
        if not self.floor > 0:
            raise ValueError(f"floor is {self.floor}, whose logarithm is not finite. Set it above 0, such as 1e-7.")
        if self.kind == "mfcc" and not 1 <= self.num_coefficients <= self.num_bands:
            raise ValueError(
                f"num_coefficients is {self.num_coefficients}, but {self.num_bands} bands have as many at most. Choose "
                f"from 1 to {self.num_bands}."
            )

    @property
    def num_features(self) -> int:
        """F, how many features a frame has."""
        return self.num_bands if self.kind == "log_mel" else self.num_coefficients


class Spectra(nn.Module):
    """Waveforms [B, S] -> features [B, T, F], both padded with 0; nothing is learnt.

    A frame lies whole within its waveform, so T = 1 + (S - frame) // hop, and padding changes no feature.
    """

    def __init__(self, config: SpectraConfig, rate: int):
        """`rate` is how many samples a second the waveforms have."""
        super().__init__()
        self.config, self.rate = config, rate
        highest = rate / 2 if config.highest is None else config.highest
        # As float64 first, so that each number is the float32 nearest to the right one.
        self.window = nn.Buffer(torch.hann_window(config.window, dtype=torch.float64).float(), persistent=False)
        bands = mel_bands(rate, config.frame, config.num_bands, config.lowest, highest)
        self.bands = nn.Buffer(bands.float(), persistent=False)
        self.cosines = nn.Buffer(cosines(config.num_coefficients, config.num_bands).float(), persistent=False)

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """How many frames waveforms of those lengths have."""
        return (num_samples - self.config.frame) // self.config.hop + 1

    def forward(self, waveforms: Padded) -> Padded:
        """Raises ValueError for a waveform on the CPU that is shorter than a frame."""
        values, lengths = waveforms
        config = self.config
        if lengths.is_cpu and int(lengths.min()) < config.frame:
            raise ValueError(
                f"A waveform has {int(lengths.min())} samples, but a frame is {config.frame} samples long, so it has "
                "none. Leave it out, pad it with silence, or make frame and window shorter."
            )
        spectrum = torch.stft(
            values, config.frame, config.hop, config.window, self.window, center=False, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()  # [B, frame / 2 + 1, T]
        features = (self.bands @ power).clamp_min(config.floor).log().transpose(1, 2)  # [B, T, M]
        if config.kind == "mfcc":
            features = features @ self.cosines.T
        lengths = self.num_frames(lengths)
        valid = valid_steps(lengths, features.shape[1])[..., None]
        if config.normalised:
            features = normalised(features, valid)
        return Padded(features.masked_fill(~valid, 0.0), lengths)


def normalised(features: Tensor, valid: Tensor) -> Tensor:
    """Features [B, T, F] of mean 0 and deviation 1 over the steps that are valid [B, T, 1]; else whatever.

    So the level of a recording and the colour of its microphone are taken out. Source: Viikki and Laurila 1998,
    "Cepstral domain segmental feature vector normalization for noise robust speech recognition".
    """
    count = valid.sum(1, keepdim=True)
    mean = features.masked_fill(~valid, 0.0).sum(1, keepdim=True) / count
    centred = (features - mean).masked_fill(~valid, 0.0)
    deviation = (centred.square().sum(1, keepdim=True) / count).sqrt()
    return centred / deviation.clamp_min(1e-3)  # a feature that stays the same is noise about its mean, not signal


def mel_bands(rate: int, frame: int, num_bands: int, lowest: float, highest: float) -> Tensor:
    """Triangles over the frequencies of a Fourier transform, each of area 1: float64 [M, frame / 2 + 1].

    Their corners lie at equal distances on Slaney's mel scale, linear up to 1,000 Hz and logarithmic above. Source:
    Slaney 1998, "Auditory toolbox", Interval Research technical report 1998-010. Raises ValueError where a band would
    lie between two frequencies and so hear nothing.
    """
    if not 0 <= lowest < highest <= rate / 2:
        raise ValueError(
            f"The bands go from {lowest:g} to {highest:g} Hz, but {rate:,} samples a second hold frequencies from 0 to "
            f"{rate / 2:g}. Keep lowest below highest, and both within that."
        )
    frequencies = torch.arange(frame // 2 + 1, dtype=torch.float64) * rate / frame
    corners = _hertz(torch.linspace(_mel(lowest), _mel(highest), num_bands + 2, dtype=torch.float64))
    low, centre, high = (corners[i : i + num_bands, None] for i in range(3))
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    bands = torch.minimum(rising, falling).clamp_min(0.0) * 2 / (high - low)
    if (deaf := (bands.sum(1) == 0).nonzero()).numel():
        raise ValueError(
            f"Band {int(deaf[0])} of {num_bands} lies between two frequencies of a frame of {frame} samples, so it "
            "hears nothing. Lower num_bands, or make frame longer."
        )
    return bands


_LINEAR = 200 / 3  # Hz a mel, up to the knee
_KNEE = 1_000.0  # Hz
_OCTAVE = math.log(6.4) / 27  # natural logarithm of a mel, above it


def _mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _KNEE else _KNEE / _LINEAR + math.log(hertz / _KNEE) / _OCTAVE


def _hertz(mel: Tensor) -> Tensor:
    above = mel - _KNEE / _LINEAR
    return torch.where(above < 0, mel * _LINEAR, _KNEE * (above * _OCTAVE).exp())


def cosines(num_coefficients: int, num_bands: int) -> Tensor:
    """The first rows of the orthonormal discrete cosine transform (type II): float64 [coefficients, M]."""
    band, row = torch.arange(num_bands, dtype=torch.float64), torch.arange(num_coefficients, dtype=torch.float64)
    table = torch.cos(math.pi / num_bands * (band + 0.5) * row[:, None]) * math.sqrt(2 / num_bands)
    table[0] /= math.sqrt(2)
    return table
