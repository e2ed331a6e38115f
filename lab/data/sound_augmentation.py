"""Augmentation of sound: noise, drawn or recorded, shifts in time and changes of speed, a whole batch at once.

Every augment draws from the generator it is handed and from nothing else. Letters: B batch, S samples.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lab.backbones.sequence import valid_steps
from lab.data.audio import read_wavs
from lab.data.own_files import own_file, pin, pinned
from lab.data.sequences import Padded

SoundAugment = Callable[[Padded, torch.Generator], Padded]
"""(waveforms [B, S] padded with 0, a generator on their device) -> waveforms padded with 0."""

log = logging.getLogger("lab")
LEAST_NOISE = 0.1  # of the clean sound: less recorded noise is warned of. The lab's own rule of thumb


@dataclass(frozen=True, kw_only=True)
class SoundAugmentConfig:
    """What is done to training waveforms, in this order; by default nothing."""

    speed: float = 0.0  # share by which a waveform is played faster or slower at most, in [0, 1)
    shift: float = 0.0  # seconds by which it is moved earlier or later at most
    noise: tuple[float, float] | None = None  # decibels that it lies above the noise, from and to; none: no noise
    noise_from: str = own_file()  # a WAV file, or a folder of them, of recorded noise in place of white noise
    noise_from_sha256: str = field(default="", metadata={"later": True})  # of what is in it

    def __post_init__(self) -> None:
        """Raises ValueError for recorded noise that is not there, or has no level."""
        pin(self, "noise_from")
        if self.noise_from and self.noise is None:
            raise ValueError(
                f"noise_from is {self.noise_from}, but noise is none, so nothing of it would be heard. Set noise to "
                "the decibels that the signal lies above it, from and to."
            )

    def build(
        self, rate: int, *, clean_seconds: float = 0.0, device: torch.device | str = "cpu"
    ) -> tuple[SoundAugment, ...]:
        """The augments for waveforms of `rate` samples a second on a device.

        `clean_seconds` is how much clean sound there is to train on. Warns of recorded noise that is little beside it.
        Raises ValueError for noise that cannot be read, or was changed.
        """
        augments: list[SoundAugment] = []
        if self.speed:
            augments.append(change_speed(self.speed))
        if self.shift:
            augments.append(shift_time(round(self.shift * rate)))
        if self.noise is not None:
            place = pinned(self, "noise_from")
            pool = None if place is None else read_wavs(place, rate).to(device)
            if pool is not None:
                _warn_of_little(len(pool) / rate, clean_seconds)
            augments.append(add_noise(*self.noise, pool))
        return tuple(augments)


def _warn_of_little(noise_seconds: float, clean_seconds: float) -> None:
    """Warns where a network could tell the noise by heart: it then hears well in this noise, and in no other."""
    if noise_seconds < LEAST_NOISE * clean_seconds:
        log.warning(
            "There are %.0f s of noise for %.0f s of clean sound. A network can learn so little by heart, and seem to "
            "hear in noise where it hears in this one alone. Give %.0f s or more, of many places.",
            noise_seconds, clean_seconds, LEAST_NOISE * clean_seconds,
        )  # fmt: skip


def add_noise(lowest: float, highest: float, pool: Tensor | None = None) -> SoundAugment:
    """Adds noise, so that each waveform's mean power is a number of decibels above the noise's.

    That number is drawn for each waveform, evenly from `lowest` to `highest`. The noise is white, or of a pool of
    recorded noise, float32 [P] on the waveforms' device: to each waveform a stretch of it that begins anywhere and goes
    on from its end to its beginning. A silent stretch adds nothing. Padding stays 0.
    """
    if not lowest <= highest or not math.isfinite(lowest) or not math.isfinite(highest):
        raise ValueError(
            f"The signal is to lie {lowest:g} to {highest:g} decibels above the noise, which is no range. Give two "
            "finite numbers, the lower one first."
        )
    if pool is not None and (pool.ndim != 1 or not len(pool)):
        raise ValueError(f"The pool of noise is {list(pool.shape)}, but it is one waveform, [P]. Join the recordings.")

    def noisy(waveforms: Padded, generator: torch.Generator) -> Padded:
        values, lengths = waveforms
        decibels = lowest + (highest - lowest) * _uniform(len(values), values, generator)
        power = values.square().sum(1) / lengths  # the padding is 0
        scale = (power * 10 ** (-decibels / 10)).sqrt()
        valid = valid_steps(lengths, values.shape[1])
        if pool is None:
            noise = torch.randn(values.shape, generator=generator, device=values.device)
        else:
            starts = torch.randint(len(pool), (len(values), 1), generator=generator, device=values.device)
            noise = pool[(starts + torch.arange(values.shape[1], device=values.device)) % len(pool)]
            loudness = ((noise * valid).square().sum(1) / lengths).sqrt()
            scale = torch.where(loudness > 0, scale / loudness, 0.0)
        return Padded(torch.where(valid, values + scale[:, None] * noise, 0.0), lengths)

    return noisy


def shift_time(samples: int) -> SoundAugment:
    """Moves each waveform earlier or later by up to so many whole samples; what leaves is lost, what enters is 0."""
    if samples < 0:
        raise ValueError(f"samples is {samples}, but how far to shift cannot be negative. Set it to 0 or more.")

    def shifted(waveforms: Padded, generator: torch.Generator) -> Padded:
        values, lengths = waveforms
        moves = torch.randint(-samples, samples + 1, (len(values), 1), generator=generator, device=values.device)
        origins = torch.arange(values.shape[1], device=values.device) - moves
        inside = (origins >= 0) & (origins < lengths[:, None]) & valid_steps(lengths, values.shape[1])
        return Padded(values.gather(1, origins.clamp(0, values.shape[1] - 1)).masked_fill(~inside, 0.0), lengths)

    return shifted


def change_speed(share: float) -> SoundAugment:
    """Plays each waveform up to that share faster or slower, so that pace and pitch change together.

    The factor is drawn evenly from 1 - share to 1 + share; between two samples it is interpolated linearly. Source: Ko,
    Peddinti, Povey and Khudanpur 2015, "Audio augmentation for speech recognition", section 2.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is {share:g}, but speeds from 1 - share to 1 + share are above 0. Keep it in [0, 1).")

    def changed(waveforms: Padded, generator: torch.Generator) -> Padded:
        values, lengths = waveforms
        factors = 1 + share * (2 * _uniform(len(values), values, generator) - 1)
        shorter = ((lengths - 1) / factors).floor().long() + 1  # so that the last place is within the waveform
        # Where the longest can be looked up without waiting for a device; else as many steps as there can be.
        most = int(shorter.max()) if shorter.is_cpu else math.ceil(values.shape[1] / (1 - share))
        steps = torch.arange(most, device=values.device)
        places = steps * factors[:, None]
        before = places.floor()
        first = before.long().clamp_max(values.shape[1] - 1)
        second = (first + 1).clamp_max(values.shape[1] - 1)
        mixed = torch.lerp(values.gather(1, first), values.gather(1, second), places - before)
        return Padded(mixed.masked_fill(steps >= shorter[:, None], 0.0), shorter)

    return changed


def _uniform(size: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(size, generator=generator, device=like.device)
