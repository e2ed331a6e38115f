"""The Free Spoken Digit Dataset: what is there, how it splits, and what is refused. Skipped where it is not there."""

from __future__ import annotations

import pytest
import torch

from lab.data import spoken_digits
from lab.data.audio import Recordings
from lab.data.files import DataError
from lab.data.spoken_digits import RATE, hold_out, official_split, read_spoken_digits
from tests.lab.data.sounds import counted


@pytest.fixture
def recordings() -> Recordings:
    """Of the two speakers with the shortest files."""
    return read_spoken_digits(("yweweler", "nicolas"))


def test_each_speaker_says_each_digit_fifty_times(recordings: Recordings) -> None:
    assert len(recordings) == 1_000
    assert recordings.rate == RATE
    assert recordings.speaker_names == ("yweweler", "nicolas")
    counts = torch.zeros(2, 10, 50, dtype=torch.int64)
    counts.index_put_((recordings.speakers, recordings.labels, recordings.takes), torch.tensor(1), accumulate=True)
    assert (counts == 1).all()
    assert float(recordings.waveforms.values.abs().max()) <= 1
    assert 5 < recordings.seconds / 60 < 7
    assert read_spoken_digits(("yweweler", "nicolas")) is recordings


def test_the_publishers_split_keeps_takes_0_to_4_for_testing(recordings: Recordings) -> None:
    training, test = official_split(recordings)
    assert (len(training), len(test)) == (900, 100)
    assert test.takes.unique().tolist() == [0, 1, 2, 3, 4]
    assert training.takes.min() == 5


def test_a_speaker_is_held_out_whole() -> None:
    others, theirs = hold_out(counted(3), "b")
    assert (len(others), len(theirs)) == (12, 6)
    assert theirs.speakers.unique().tolist() == [1]
    assert others.speakers.unique().tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"There is no speaker 'd'\. There are: a, b, c"):
        hold_out(counted(3), "d")


def test_speakers_that_are_not_there_or_twice_are_refused() -> None:
    with pytest.raises(ValueError, match=r"There is no speaker 'nicholas'\. Did you mean 'nicolas'"):
        read_spoken_digits(("nicholas",))
    for speakers in ((), ("lucas", "lucas")):
        with pytest.raises(ValueError, match="each of at least one is named once"):
            read_spoken_digits(speakers)


def test_a_file_of_another_name_is_refused(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken_digits._read_once.cache_clear()
    monkeypatch.setattr("lab.data.bundle.Bundle.contents", lambda self: {"3_lucas_1.wav": b""})
    with pytest.raises(DataError, match=r"holds 3_lucas_1\.wav, which is not named DIGIT_nicolas_TAKE\.wav"):
        read_spoken_digits(("nicolas",))
