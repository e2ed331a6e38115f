"""Sounds made for tests: WAV files and a small set of recordings."""

from __future__ import annotations

import io
import wave

import torch
from torch import Tensor

from lab.data.audio import Recordings
from lab.data.sequences import Ragged

RATE = 1_000


def wav(samples: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    """A WAV file's content."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return content.getvalue()


def counted(num_speakers: int = 2, num_labels: int = 3, num_takes: int = 2) -> Recordings:
    """Recording i is 20 + i samples of the value i + 1, so that it is known wherever it stands."""
    rows = [(label, s, take) for s in range(num_speakers) for label in range(num_labels) for take in range(num_takes)]
    labels, speakers, takes = torch.tensor(rows).T.contiguous()
    waveforms: list[Tensor] = [torch.full((20 + i,), float(i + 1)) for i in range(len(rows))]
    names = tuple("abcdefg"[:num_speakers])
    return Recordings(Ragged.of(waveforms), labels, speakers, takes, RATE, tuple(map(str, range(num_labels))), names)
