"""Log-mel energies and MFCC against librosa's, and what padding must not do."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from lab.data.sequences import Padded, Ragged
from lab.data.spectra import Spectra, SpectraConfig, cosines, mel_bands

pytestmark = pytest.mark.xdist_group("librosa")  # which takes ten seconds to load its parts
RATE = 8_000
LENGTHS = (1_700, 256, 3_001)


def sounds() -> Ragged:
    """Tones that glide, in noise, each of another loudness."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for i, length in enumerate(LENGTHS):
        time = torch.arange(length) / RATE
        tone = torch.sin(2 * torch.pi * (300 + 400 * i + 2_000 * time) * time)
        made.append(0.3 / (i + 1) * (tone + 0.1 * torch.randn(length, generator=generator)))
    return Ragged.of(made)


def features(config: SpectraConfig, rate: int = RATE) -> tuple[Tensor, list[int]]:
    values, lengths = Spectra(config, rate)(sounds().padded(torch.arange(3)))
    return values, lengths.tolist()


@pytest.mark.parametrize(
    "config",
    [
        SpectraConfig(normalised=False),
        SpectraConfig(normalised=False, window=256, hop=100, num_bands=20, lowest=100.0, highest=3_500.0, floor=1e-3),
        SpectraConfig(normalised=False, kind="mfcc"),
        SpectraConfig(normalised=False, kind="mfcc", num_bands=24, num_coefficients=24, floor=1e-10),
    ],
    ids=["log_mel", "log_mel-other", "mfcc", "mfcc-other"],
)
def test_agrees_with_librosa(config: SpectraConfig) -> None:
    values, lengths = features(config)
    for i, length in enumerate(LENGTHS):
        power = librosa.feature.melspectrogram(
            y=sounds()[i].numpy(),
            sr=RATE,
            n_fft=config.frame,
            hop_length=config.hop,
            win_length=config.window,
            window="hann",
            center=False,
            power=2.0,
            n_mels=config.num_bands,
            fmin=config.lowest,
            fmax=config.highest,
            htk=False,
            norm="slaney",
        )
        expected = np.log(np.maximum(power, config.floor))
        if config.kind == "mfcc":
            expected = librosa.feature.mfcc(S=expected, n_mfcc=config.num_coefficients, dct_type=2, norm="ortho")
        assert lengths[i] == expected.shape[1] == 1 + (length - config.frame) // config.hop
        np.testing.assert_allclose(values[i, : lengths[i]].T.numpy(), expected, atol=1e-4)
        assert (values[i, lengths[i] :] == 0).all()


def test_bands_and_cosines_are_exact() -> None:
    for rate, frame, num_bands, lowest, highest in ((8_000, 256, 40, 0.0, 4_000.0), (16_000, 512, 80, 20.0, 7_600.0)):
        ours = mel_bands(rate, frame, num_bands, lowest, highest).numpy()
        theirs = librosa.filters.mel(
            sr=rate, n_fft=frame, n_mels=num_bands, fmin=lowest, fmax=highest, dtype=np.float64
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    table = cosines(7, 7)
    torch.testing.assert_close(table @ table.T, torch.eye(7, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_normalised_features_have_mean_0_and_deviation_1(kind: str) -> None:
    values, lengths = features(SpectraConfig(kind=kind))  # type: ignore[arg-type]
    for each, length in ((values[0], lengths[0]), (values[2], lengths[2])):
        torch.testing.assert_close(each[:length].mean(0), torch.zeros(each.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(each[:length].std(0, correction=0), torch.ones(each.shape[1]), atol=1e-4, rtol=0)
    assert lengths[1] == 1
    assert (values[1] == 0).all(), "a single frame is its own mean"


def test_the_level_of_a_recording_is_taken_out() -> None:
    config = SpectraConfig(floor=1e-12)
    waveforms = sounds().padded(torch.tensor([0, 2]))
    quieter = Padded(waveforms.values / 4, waveforms.lengths)
    spectra = Spectra(config, RATE)
    torch.testing.assert_close(spectra(waveforms).values, spectra(quieter).values, atol=1e-4, rtol=0)


@pytest.mark.parametrize("normalised", [False, True])
def test_padding_changes_nothing(normalised: bool) -> None:
    spectra = Spectra(SpectraConfig(normalised=normalised), RATE)
    together = spectra(sounds().padded(torch.arange(3)))
    for i in range(3):
        alone = spectra(sounds().padded(torch.tensor([i])))
        length = int(alone.lengths[0])
        torch.testing.assert_close(together.values[i, :length], alone.values[0], atol=1e-5, rtol=0)


def test_silence_is_finite() -> None:
    spectra = Spectra(SpectraConfig(), RATE)
    values = spectra(Padded(torch.zeros(1, 1_000), torch.tensor([1_000]))).values
    assert float(values.abs().max()) < 0.01, "rounding about the mean is not blown up"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 300}, r"window is 300, frame 256 and hop 80 samples.*Keep 1 <= window <= frame"),
        ({"hop": 0}, r"hop 0 samples"),
        ({"floor": 0.0}, r"floor is 0\.0, whose logarithm is not finite\. Set it above 0"),
        ({"kind": "mfcc", "num_coefficients": 41}, r"num_coefficients is 41, but 40 bands have as many at most"),
        ({"lowest": 4_000.0}, r"from 4000 to 4000 Hz.*from 0 to 4000.* Keep lowest below highest"),
        ({"highest": 4_001.0}, r"from 0 to 4001 Hz"),
        (
            {"num_bands": 200},
            r"Band \d+ of 200 lies between two frequencies of a frame of 256 samples.*Lower num_bands",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Spectra(SpectraConfig(**settings), RATE)


def test_a_waveform_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has 255 samples, but a frame is 256 samples long.*pad it with silence"):
        Spectra(SpectraConfig(), RATE)(Padded(torch.ones(2, 300), torch.tensor([300, 255])))
