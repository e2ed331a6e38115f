"""WAV files: every width to the same numbers, and what is no sound is refused by name."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from lab.data.audio import Recordings, decode_wav, read_wav
from tests.lab.data.sounds import RATE, counted, wav

HALVES = struct.pack("<4h", 0, 16_384, -16_384, -32_768)


@pytest.mark.parametrize(
    ("samples", "width"),
    [(bytes([128, 192, 64, 0]), 1), (HALVES, 2), (struct.pack("<4i", 0, 1 << 30, -(1 << 30), -(1 << 31)), 4)],
)
def test_all_widths_mean_the_same(samples: bytes, width: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(samples, width=width))
    waveform = read_wav(path, RATE)
    assert waveform.dtype == torch.float32
    assert waveform.tolist() == [0.0, 0.5, -0.5, -1.0]


def test_the_loudest_sample_stays_within_one() -> None:
    for width, most in ((1, b"\xff\x00"), (2, struct.pack("<2h", 32_767, 0)), (4, struct.pack("<2i", 2**31 - 1, 0))):
        assert 0.99 < float(decode_wav(wav(most, width=width), "loud", RATE)[0]) <= 1.0


GOOD = wav(HALVES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav(HALVES, rate=44_100), r"has 44,100 samples a second, but 1,000 are expected.* Resample it to 1,000"),
        (wav(HALVES, channels=2), r"has 2 channels, but a waveform is one\. Mix them"),
        (wav(bytes(200)), r"is silent: the peak of its 100 samples is 0 of full scale, .* 0\.001 or more\. Record it"),
        (wav(b"\x07\x01" * 9), r"is silent: the peak of its 9 samples is 0 of full scale"),
        (wav(bytes([128]) * 50, width=1), r"is silent: the peak of its 50 samples is 0 of full scale"),
        (wav(struct.pack("<4h", 1, -1, 0, 1)), r"is silent: the peak of its 4 samples is 3\.1e-05 of full scale"),
        (wav(struct.pack("<4h", 132, 68, 100, 100)), r"is silent: the peak of its 4 samples is 0\.00098 of full scale"),
        (wav(b""), r"has no samples\. Record it again"),
        (wav(bytes(range(12)), width=3), r"has samples of 24 bits, which are not read\. Convert it"),
        (GOOD[:-3], r"is cut short: it promises 4 samples and holds 2\. Get it again"),
        (GOOD[:20], r"cannot be read as sound: .*Write it anew as a WAV file"),
        (b"", r"cannot be read as sound: it ends too early"),
        (b"OggS" + GOOD, r"cannot be read as sound: file does not start with RIFF id"),
        (GOOD.replace(b"fmt \x10\0\0\0\1", b"fmt \x10\0\0\0\3"), r"cannot be read as sound: unknown format: 3"),
    ],
)
def test_what_is_no_sound_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.wav {message}"):
        read_wav(path, RATE)


def test_what_is_quiet_but_no_silence_is_read() -> None:
    """33 of 32,768 about the middle is just above a thousandth; of a byte's 128 steps one is far above it."""
    assert len(decode_wav(wav(struct.pack("<2h", 33, -33)), "quiet", RATE)) == 2
    assert len(decode_wav(wav(bytes([127, 129]), width=1), "quiet", RATE)) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file .*none\.wav\. Check the path"):
        read_wav(tmp_path / "none.wav", RATE)
    with pytest.raises(ValueError, match=r"is a folder, but one file is read"):
        read_wav(tmp_path, RATE)


def test_a_subset_keeps_what_belongs_together() -> None:
    recordings = counted()
    assert recordings.seconds == sum(range(20, 32)) / RATE
    by_number = recordings.subset(torch.tensor([7, 2]))
    by_mark = recordings.subset(recordings.takes == 1)
    assert [int(by_number.waveforms[i][0]) for i in range(2)] == [8, 3]
    assert (by_number.labels.tolist(), by_number.speakers.tolist(), by_number.takes.tolist()) == (
        [0, 1],
        [1, 0],
        [1, 0],
    )
    assert len(by_mark) == 6
    assert by_mark.takes.unique().tolist() == [1]
    assert int(by_mark.waveforms[5][0]) == 12
    assert len(recordings.to("cpu")) == 12


def test_a_recording_needs_one_of_each() -> None:
    some = counted()
    with pytest.raises(ValueError, match=r"12 waveforms, 11 labels, 12 speakers and 12 takes\. Each recording needs"):
        Recordings(some.waveforms, some.labels[1:], some.speakers, some.takes, RATE, some.classes, some.speaker_names)


def test_an_excerpt_says_who_is_heard_for_how_long() -> None:
    assert counted(num_speakers=1, num_labels=2, num_takes=1).excerpt().splitlines() == [
        "2 recordings at 1,000 samples a second of 0, 1",
        "a, 2 recordings, 0.0 minutes",
    ]
    assert counted(2, 100, 20).excerpt().endswith("b, 2,000 recordings, 100.7 minutes")
