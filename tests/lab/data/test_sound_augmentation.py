"""Augmentation of sound: what it does is measured, padding stays, and the generator alone decides."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from lab.data.audio import read_wavs
from lab.data.sequences import Padded
from lab.data.sound_augmentation import SoundAugment, SoundAugmentConfig, add_noise, change_speed, shift_time
from tests.lab.data.cases import seeded
from tests.lab.data.sounds import wav


def tones(*lengths: int) -> Padded:
    """Sines of one period in 40 samples, louder and louder, from sample 1 on."""
    values = torch.zeros(len(lengths), max(lengths))
    for i, length in enumerate(lengths):
        values[i, :length] = (i + 1) * torch.sin(2 * torch.pi * torch.arange(1, length + 1) / 40)
    return Padded(values, torch.tensor(lengths))


def test_noise_lies_as_far_below_the_signal_as_asked() -> None:
    before = tones(40_000, 20_000)
    for decibels in (0.0, 20.0):
        after = add_noise(decibels, decibels)(before, seeded())
        for i, length in enumerate((40_000, 20_000)):
            noise = (after.values - before.values)[i, :length]
            measured = 10 * math.log10(before.values[i, :length].square().mean() / noise.square().mean())
            assert measured == pytest.approx(decibels, abs=0.2)
            assert abs(float(noise.mean())) < 0.05
        assert (after.values[1, 20_000:] == 0).all()
        assert after.lengths.tolist() == [40_000, 20_000]


def test_noise_is_drawn_evenly_in_decibels() -> None:
    before = tones(*[2_000] * 200)
    noise = add_noise(10.0, 30.0)(before, seeded()).values - before.values
    measured = 10 * (before.values.square().mean(1) / noise.square().mean(1)).log10()
    assert 9 < float(measured.min()) < 11
    assert 29 < float(measured.max()) < 31
    assert float(measured.mean()) == pytest.approx(20, abs=1)


def test_a_shift_moves_and_fills_with_silence() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 0.0, 0.0]]).repeat_interleave(100, 0)
    lengths = torch.tensor([5, 3]).repeat_interleave(100)
    shifted = shift_time(2)(Padded(values, lengths), seeded())
    assert {tuple(row) for row in shifted.values[:100].tolist()} == {
        (3, 4, 5, 0, 0), (2, 3, 4, 5, 0), (1, 2, 3, 4, 5), (0, 1, 2, 3, 4), (0, 0, 1, 2, 3),
    }  # fmt: skip
    assert {tuple(row) for row in shifted.values[100:].tolist()} == {
        (8, 0, 0, 0, 0), (7, 8, 0, 0, 0), (6, 7, 8, 0, 0), (0, 6, 7, 0, 0), (0, 0, 6, 0, 0),
    }  # fmt: skip
    assert shifted.lengths.equal(lengths)


def test_a_change_of_speed_changes_length_and_pitch_together() -> None:
    before = tones(*[4_000] * 50, 2_000)
    values, lengths = change_speed(0.2)(before, seeded())
    factors = 4_000 / lengths[:50]
    assert 0.8 <= float(factors.min()) < 0.83
    assert 1.17 < float(factors.max()) <= 1.2001
    for i in (0, 1, 2):
        rises = (values[i, : lengths[i] - 1] < 0) & (values[i, 1 : lengths[i]] >= 0)
        assert int(rises.sum()) == pytest.approx(100, abs=1), "as many periods in another time"
        peak = float(values[i].abs().max())
        assert peak == pytest.approx(i + 1, rel=0.01)
    assert values.shape[1] == int(lengths.max())
    assert (values[50, lengths[50] :] == 0).all()


def test_of_speed_1_nothing_changes() -> None:
    before = tones(50, 30)
    after = change_speed(0.0)(before, seeded())
    assert after.lengths.equal(before.lengths)
    assert after.values.equal(before.values)


def test_recorded_noise_is_a_stretch_of_the_pool_as_far_below_the_signal_as_asked() -> None:
    before, pool = tones(*[300] * 50, 200), torch.arange(1.0, 401.0)
    noise = add_noise(10.0, 10.0, pool)(before, seeded()).values - before.values
    starts = set()
    for i, length in enumerate([*[300] * 50, 200]):
        measured = 10 * math.log10(before.values[i, :length].square().mean() / noise[i, :length].square().mean())
        assert measured == pytest.approx(10.0, abs=0.01)
        rises = noise[i, 1:length] - noise[i, : length - 1]
        step = float(rises.median())
        stretch = (noise[i, :length] / step).round()
        starts.add(int(stretch[0]))
        following = (stretch[0] - 1 + torch.arange(length)) % 400 + 1  # the end goes on with the beginning
        torch.testing.assert_close(stretch, following)
    assert len(starts) > 40, "it begins anywhere"
    assert (noise[50, 200:] == 0).all()


def test_a_pool_shorter_than_a_waveform_is_heard_again_and_a_silent_one_not_at_all() -> None:
    before = tones(9)
    noise = add_noise(0.0, 0.0, torch.tensor([1.0, 2.0, 4.0]))(before, seeded()).values - before.values
    torch.testing.assert_close(noise[:, :3].repeat(1, 3), noise)
    assert add_noise(0.0, 0.0, torch.zeros(5))(before, seeded()).values.equal(before.values)


@pytest.mark.parametrize(
    "augment",
    [add_noise(0, 20), add_noise(0, 20, torch.rand(1_000)), shift_time(9), change_speed(0.3)],
    ids=["noise", "recorded noise", "shift", "speed"],
)
def test_the_generator_alone_decides(augment: SoundAugment) -> None:
    before = tones(300, 200, 100)
    copy = before.values.clone()
    first, again, other = (augment(before, seeded(seed)) for seed in (1, 1, 2))
    assert first.values.equal(again.values)
    assert first.lengths.equal(again.lengths)
    assert not (first.values.shape == other.values.shape and first.values.equal(other.values))
    assert before.values.equal(copy), "what was handed in stays as it was"


def test_a_config_builds_what_it_names() -> None:
    assert SoundAugmentConfig().build(8_000) == ()
    assert len(SoundAugmentConfig(speed=0.1, shift=0.01, noise=(0.0, 9.0)).build(8_000)) == 3
    (shift,) = SoundAugmentConfig(shift=0.001).build(2_000)
    moved = shift(Padded(torch.eye(1, 9).roll(4, 1).repeat(100, 1), torch.full((100,), 9)), seeded())
    assert moved.values.sum(0).nonzero().squeeze(1).tolist() == [2, 3, 4, 5, 6], "2 samples, each way"


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A folder with two seconds of noise in two files."""
    folder = tmp_path / "street"
    folder.mkdir()
    for name in ("b", "a"):
        samples = torch.randint(-9_000, 9_000, (8_000,), generator=seeded(ord(name)), dtype=torch.int16)
        (folder / f"{name}.wav").write_bytes(wav(samples.numpy().tobytes(), rate=8_000))
    return folder


def test_recorded_noise_is_named_by_its_place_and_known_by_its_content(
    street: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = SoundAugmentConfig(noise=(0.0, 0.0), noise_from=str(street))
    assert len(config.noise_from_sha256) == 64
    (augment,) = config.build(8_000, clean_seconds=19.0)
    before = tones(16_000)
    noise = augment(before, seeded()).values - before.values
    pool = read_wavs(street, 8_000)
    assert pool.shape == (16_000,)
    correlation = torch.fft.irfft(torch.fft.rfft(noise[0]) * torch.fft.rfft(pool).conj())
    assert float(correlation.max()) > 0.99 * float(noise.norm() * pool.norm()), "all of it, begun somewhere"
    assert not caplog.records
    config.build(8_000, clean_seconds=21.0)
    assert "There are 2 s of noise for 21 s of clean sound. A network can learn so little by heart" in caplog.text
    (street / "c.wav").write_bytes((street / "a.wav").read_bytes())
    with pytest.raises(ValueError, match="was changed"):
        config.build(8_000)


def test_noise_that_could_not_be_heard_is_refused(street: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="but noise is none, so nothing of it would be heard"):
        SoundAugmentConfig(noise_from=str(street))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no file whose name ends in \.wav"):
        SoundAugmentConfig(noise=(0.0, 0.0), noise_from=str(tmp_path / "empty")).build(8_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: add_noise(0, 9, torch.zeros(2, 5)), r"The pool of noise is \[2, 5\], but it is one waveform"),
        (lambda: add_noise(0, 9, torch.zeros(0)), r"The pool of noise is \[0\]"),
        (lambda: add_noise(20, 10), r"20 to 10 decibels above the noise, which is no range.*the lower one first"),
        (lambda: add_noise(0, math.inf), r"0 to inf decibels"),
        (lambda: shift_time(-1), r"samples is -1, but how far to shift cannot be negative\. Set it to 0 or more"),
        (lambda: change_speed(1.0), r"share is 1, but speeds.* Keep it in \[0, 1\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
