"""Decoders: shapes, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from generative.decoders import Decoder, DecoderConfig, DeconvolutionConfig
from lab.backbones import MLPConfig


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        (MLPConfig(widths=()), (3, 5)),
        (MLPConfig(widths=(7, 6)), (1, 4, 4)),
        (DeconvolutionConfig(channels=(8, 4)), (1, 28, 28)),
        (DeconvolutionConfig(channels=(4,), batch_norm=False), (3, 6, 10)),
    ],
    ids=str,
)
def test_a_code_becomes_an_input(config: DecoderConfig, shape: tuple[int, ...]) -> None:
    decoder = Decoder(config, 5, shape).eval()
    codes = torch.randn(3, 5)
    made = decoder(codes)
    assert made.shape == (3, *shape)
    assert torch.allclose(decoder(codes[1:2])[0], made[1], atol=1e-6)


def test_without_hidden_layers_it_is_linear() -> None:
    decoder = Decoder(MLPConfig(widths=()), 2, (3,))
    weight, bias = decoder.layers[1].weight, decoder.layers[1].bias
    code = torch.tensor([[2.0, -1.0]])
    assert torch.allclose(decoder(code)[0], 2 * weight[:, 0] - weight[:, 1] + bias)


def test_a_code_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="The code has 0 numbers"):
        Decoder(MLPConfig(widths=()), 0, (3,))


def test_images_that_cannot_be_doubled_to_are_refused() -> None:
    with pytest.raises(ValueError, match=r"30 x 28 pixels are asked for, so both have to be multiples of 4"):
        Decoder(DeconvolutionConfig(channels=(8, 4)), 5, (1, 30, 28))
    with pytest.raises(ValueError, match=r"make images \[C, H, W\], but \[64\] is asked for"):
        Decoder(DeconvolutionConfig(channels=(8, 4)), 5, (64,))


@pytest.mark.parametrize("channels", [(), (0, 4), (4, 0), (-1,)])
def test_doublings_without_maps_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"channels is \(.*\), but maps are doubled at least once"):
        DeconvolutionConfig(channels=channels)
