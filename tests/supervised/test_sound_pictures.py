"""The picture of transcripts: the least sure first, red where wrong, words where they were recognised."""

from __future__ import annotations

import torch

from lab.data.sequences import Padded, Ragged, SequenceSet
from supervised.ctc_recogniser import CTCConfig
from supervised.pictures import RIGHT, WRONG
from supervised.sound_pictures import GAP, SCALE, TEXT, transcripts
from supervised.subsampling import SubsamplingConfig

CLASSES = ("A", "B")


class Fixed:
    """Says label 1 at the second of its steps, each of two frames, ever surer the larger the first feature is."""

    num_labels, config = 2, CTCConfig()

    class network:  # noqa: N801
        subsampling = SubsamplingConfig(widths=(1,)).build(3)

    def predict(self, features: Padded) -> Padded:
        lengths = self.network.subsampling.left(features.lengths)
        logits = torch.zeros(len(lengths), int(lengths.max()), 3)
        logits[..., 2] = 5
        logits[:, 1] = features.values[:, :1, 0] * torch.tensor([0.0, 1.0, 0.0])
        return Padded(logits, lengths)


def picture(rows: int):
    features = [torch.full((length, 3), level) for length, level in ((10, 2.5), (6, 1.25), (8, 5.0))]
    dataset = SequenceSet((Ragged.of(features), Ragged.of_lists([[1], [1], [0]])))
    return transcripts(Fixed(), dataset, CLASSES, rows)  # type: ignore[arg-type]


HEIGHT = TEXT + 3 * SCALE + GAP  # of a row


def test_the_least_sure_come_first_and_mistakes_are_red() -> None:
    shown = picture(3)
    assert shown.pixels.shape[0] == 3 * HEIGHT + GAP
    assert shown.pixels.shape[1] > 10 * SCALE + 4 * GAP, "there is room for what was said"
    for row, (frames, colour) in enumerate([(8, WRONG), (6, RIGHT), (10, RIGHT)]):
        strip = shown.pixels[GAP + row * HEIGHT : GAP + row * HEIGHT + TEXT, GAP : GAP + frames * SCALE]
        body = shown.pixels[(row + 1) * HEIGHT - 1, GAP:]
        assert (body[: frames * SCALE] < 255).all() == (row == 1), "at 2.5 deviations a feature is white"
        beside = shown.pixels[GAP + row * HEIGHT : (row + 1) * HEIGHT, GAP + frames * SCALE + GAP :]
        assert (beside != 255).any(), "what was said stands beside"
        assert (body[frames * SCALE : frames * SCALE + GAP] == 255).all()
        inked = (strip != 255).any(-1).any(0).nonzero()[0]
        assert 2 * SCALE <= int(inked.min()) <= 2 * SCALE + 3, "the word begins at frame 2"
        mark = shown.pixels[GAP + row * HEIGHT + TEXT, GAP + 2 * SCALE]
        assert tuple(mark.tolist()) == colour
    assert "The 3 of 3 test sequences" in shown.caption
    assert "1 are wrong (red)" in shown.caption


def test_few_rows_show_the_least_sure() -> None:
    shown = picture(1)
    assert shown.pixels.shape[0] == HEIGHT + GAP
    assert "The 1 of 3" in shown.caption
