"""Strings of recordings: one speaker each, gaps between, an exact stream, a set that depends on its seed alone."""

from __future__ import annotations

from itertools import groupby

import pytest
import torch
from torch import Tensor

from lab.data.sequences import Padded
from lab.data.sound_augmentation import add_noise
from lab.data.spectra import Spectra, SpectraConfig
from lab.data.spoken_strings import SPECIMENS, StringBatches, Strings, StringsConfig, fixed_strings
from lab.fit import BatchSource
from lab.seeding import Seeds
from tests.lab.data.cases import seeded
from tests.lab.data.sounds import RATE, counted

CONFIG = StringsConfig(most_words=4, longest_gap=0.01)  # 10 samples
SPECTRA = SpectraConfig(window=8, frame=8, hop=4, num_bands=2)


def strings() -> Strings:
    return Strings(CONFIG, counted())


def batches(seed: int = 1, **settings) -> StringBatches:
    return StringBatches(strings(), Spectra(SPECTRA, RATE), 5, Seeds(seed), **settings)


def runs(waveform: Tensor) -> list[tuple[int, int]]:
    """Which recording, or 0 for silence, and for how many samples."""
    return [(int(value), len(list(group))) for value, group in groupby(waveform.tolist())]


def test_a_string_is_whole_recordings_of_one_speaker_with_silence_about_them() -> None:
    recordings = counted()
    (values, lengths), (labels, counts) = strings().draw(300, seeded())
    heard, gaps = set(), set()
    for waveform, length, said, count in zip(values, lengths.tolist(), labels.tolist(), counts.tolist()):
        parts = runs(waveform[:length])
        words = [value - 1 for value, samples in parts if value for _ in range(samples // (19 + value))]
        assert all(samples % (19 + value) == 0 for value, samples in parts if value), "none is cut"
        assert recordings.labels[words].tolist() == said[:count]
        assert len(set(recordings.speakers[words].tolist())) == 1
        assert not any(said[count:])
        assert (waveform[length:] == 0).all()
        heard |= set(words)
        gaps |= {samples for value, samples in parts if not value}
    assert heard == set(range(12)), "all recordings are drawn"
    assert gaps == set(range(1, 11)), "gaps of up to 10 samples (of 0 there is nothing to see)"
    assert counts.unique().tolist() == [1, 2, 3, 4]
    assert int(lengths.max()) <= strings().most_samples == 4 * 31 + 5 * 10


def test_words_lengths_and_speakers_are_drawn_evenly() -> None:
    (values, _), (labels, counts) = strings().draw(3_000, seeded(3))
    assert torch.allclose(counts.bincount()[1:] / 3_000, torch.tensor(0.25), atol=0.03)
    said = labels[torch.arange(4) < counts[:, None]]
    assert torch.allclose(said.bincount() / len(said), torch.tensor(1 / 3), atol=0.03)
    of_second = (values.amax(1) > 6).float().mean()
    assert float(of_second) == pytest.approx(0.5, abs=0.03)


def test_speakers_with_few_recordings_are_heard_as_often() -> None:
    recordings = counted()
    few = recordings.subset((recordings.speakers == 0) | (torch.arange(12) == 9))
    (values, _), _ = Strings(CONFIG, few).draw(1_000, seeded())
    assert float((values.amax(1) == 10).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_the_stream_is_a_function_of_seeds_and_position() -> None:
    noise = add_noise(5, 10)
    straight, other = batches(augments=[noise]), batches(seed=2, augments=[noise])
    seen = [straight.next() for _ in range(6)]
    resumed = batches(augments=[noise])
    for _ in range(2):
        resumed.next()
    again = batches(augments=[noise])
    again.load_state_dict(resumed.state_dict())
    torch.rand(3)
    for features, labels in seen[2:]:
        for expected, found in zip((features, labels), again.next()):
            assert expected.values.equal(found.values)
            assert expected.lengths.equal(found.lengths)
    assert not other.next()[1].values.equal(seen[0][1].values)
    assert not seen[0][1].values.equal(seen[1][1].values)


def test_a_batch_is_features_and_labels_padded() -> None:
    source: BatchSource = batches()
    features, labels = source.next()
    assert isinstance(features, Padded)
    assert isinstance(labels, Padded)
    assert features.values.shape == (5, int(features.lengths.max()), 2)
    assert labels.values.shape == (5, int(labels.lengths.max()))
    assert (source.batch_size, len(source.dataset)) == (5, SPECIMENS)


def test_augments_change_the_sound_and_nothing_else() -> None:
    plain, noisy = batches().next(), batches(augments=[add_noise(0, 1)]).next()
    assert plain[1].values.equal(noisy[1].values)
    assert plain[0].lengths.equal(noisy[0].lengths)
    assert not plain[0].values.equal(noisy[0].values)


def test_a_fixed_set_depends_on_its_seeds_alone() -> None:
    spectra = Spectra(SPECTRA, RATE)
    first, again, other = (fixed_strings(strings(), spectra, 130, Seeds(seed)) for seed in (4, 4, 5))
    assert len(first) == 130
    for expected, found in zip(first.fields, again.fields):
        assert expected.values.equal(found.values)
    assert not first.fields[1].values.equal(other.fields[1].values)
    features, labels = first.batch(torch.arange(100, 130))
    (waveforms, said) = strings().draw(30, Seeds(4).generator("strings/100"))
    assert labels.values.equal(said.values)
    torch.testing.assert_close(features.values, spectra(waveforms).values)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"most_words is 0 and longest_gap 0\.2 seconds.*Raise what is too low"):
        StringsConfig(most_words=0)
    with pytest.raises(ValueError, match=r"longest_gap -0\.1 seconds"):
        StringsConfig(longest_gap=-0.1)
    with pytest.raises(ValueError, match=r"There are no recordings to make strings of\. Give at least one"):
        Strings(CONFIG, counted().subset(torch.zeros(12, dtype=torch.bool)))
    with pytest.raises(ValueError, match=r"batch_size is 0.*Set it to 1 or more"):
        StringBatches(strings(), Spectra(SPECTRA, RATE), 0, Seeds(0))
