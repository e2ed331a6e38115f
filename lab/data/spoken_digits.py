"""The Free Spoken Digit Dataset, of which four speakers are read: English digits, 50 recordings of each by each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import torch

from lab.data.audio import Recordings, decode_wav
from lab.data.bundle import Bundle
from lab.data.files import DataError
from lab.data.sequences import Ragged
from lab.names import did_you_mean

RATE = 8_000  # samples a second
TEST_TAKES = 5  # by the publisher's split the recordings numbered 0 to 4 are for testing
NAMES = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)\.wav")

ARCHIVE = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip"
_KNOWN = {  # four of the publisher's six speakers: size and SHA-256 of their recordings
    "jackson": (4_153_680, "68578b22b7cb8b9320d16dc95f88579c4c2398da2f4a872be332c7d25608c0dc"),
    "lucas": (4_615_688, "e74ec66bb1722af6a795e4523411dceeccd5cbf86145ec004a1ef811762b8355"),
    "nicolas": (2_815_502, "d3d12f00d05c02e2093921a7870f5aa10186ef6e1947c5fe13c487fc9d32806f"),
    "yweweler": (2_855_340, "48baa3c9dfbb582c6cdaa411cb6aad5949f211378fdd6c4cc76e99c3cfd114de"),
}
BUNDLES = {
    speaker: Bundle(f"fsdd/recordings-{speaker}.tar.xz", size, digest, ARCHIVE, f"*/recordings/?_{speaker}_*.wav")
    for speaker, (size, digest) in _KNOWN.items()
}
SPEAKERS = tuple(BUNDLES)


def read_spoken_digits(speakers: Sequence[str] = SPEAKERS) -> Recordings:
    """The recordings of some speakers, in the order of speaker, digit and take; their files are fetched if need be.

    Raises ValueError for a speaker that there is not, or one named twice, DataError if a file is damaged or not to be
    had. Those who read it share its tensors: do not write into them.
    """
    for speaker in speakers:
        if speaker not in BUNDLES:
            raise ValueError(f"There is no speaker {speaker!r}. {did_you_mean(speaker, BUNDLES)}")
    if not speakers or len(set(speakers)) < len(speakers):
        raise ValueError(f"The speakers are {tuple(speakers)}, but each of at least one is named once.")
    for speaker in speakers:  # now, so that the stamp below is of what is read
        if BUNDLES[speaker].there() is None:
            BUNDLES[speaker].find()
    return _read_once(tuple(speakers), tuple(BUNDLES[speaker].stamp() for speaker in speakers))


@lru_cache(maxsize=2)
def _read_once(speakers: tuple[str, ...], stamps: tuple[tuple[str, int, int] | None, ...]) -> Recordings:
    """`stamps` says which files are meant, so that others are read anew."""
    waveforms, rows = [], []
    for number, speaker in enumerate(speakers):
        of_speaker = []
        for name, content in BUNDLES[speaker].contents().items():
            parts = NAMES.fullmatch(name)
            if parts is None or parts["speaker"] != speaker:
                raise DataError(f"{BUNDLES[speaker].path} holds {name}, which is not named DIGIT_{speaker}_TAKE.wav.")
            place = f"{name} in {BUNDLES[speaker].path}"
            of_speaker.append((int(parts["digit"]), int(parts["take"]), decode_wav(content, place, RATE)))
        for digit, take, waveform in sorted(of_speaker, key=lambda found: found[:2]):
            waveforms.append(waveform)
            rows.append((digit, number, take))
    labels, numbers, takes = torch.tensor(rows).T.contiguous()
    return Recordings(
        Ragged.of(waveforms), labels, numbers, takes, RATE, tuple(str(digit) for digit in range(10)), tuple(speakers)
    )


def official_split(recordings: Recordings) -> tuple[Recordings, Recordings]:
    """Training and test part as the publisher splits them: of each speaker's digit, takes 0 to 4 are for testing."""
    test = recordings.takes < TEST_TAKES
    return recordings.subset(~test), recordings.subset(test)


def hold_out(recordings: Recordings, speaker: str) -> tuple[Recordings, Recordings]:
    """All recordings of the other speakers, and all of one. Raises ValueError if that one is not among them."""
    if speaker not in recordings.speaker_names:
        raise ValueError(f"There is no speaker {speaker!r}. {did_you_mean(speaker, recordings.speaker_names)}")
    theirs = recordings.speakers == recordings.speaker_names.index(speaker)
    return recordings.subset(~theirs), recordings.subset(theirs)
