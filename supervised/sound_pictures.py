"""Pictures of what is heard in sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from lab.data.sequences import Padded, SequenceSet
from lab.trial import Picture
from supervised.ctc import ctc_loss, said_when
from supervised.ctc_recogniser import CTCRecogniser
from supervised.pictures import RIGHT, WRONG

SCALE = 3  # pixels of a frame and of a feature
TEXT = 22  # pixels of the line of labels
GAP = 6  # pixels between rows
DEVIATIONS = 2.5  # from the mean, at which features are black or white


def transcripts(recogniser: CTCRecogniser, dataset: SequenceSet, classes: Sequence[str], rows: int = 6) -> Picture:
    """The features of a few sequences over time, low ones at the bottom; above them what was recognised, and when;
    beside them what was said.

    The order is by the loss a label, the highest first, so mistakes come first. Features are drawn as if of mean 0 and
    deviation 1.
    """
    losses = []
    for features, labels in dataset.chunks(recogniser.config.evaluation_batch):
        logits, lengths = recogniser.predict(cast(Padded, features))
        losses.append(ctc_loss(logits, lengths, cast(Padded, labels)) / cast(Padded, labels).lengths)
    chosen = torch.cat(losses).argsort(descending=True, stable=True)[:rows]
    features, labels = (cast(Padded, each) for each in dataset.batch(chosen))
    logits, lengths = recogniser.predict(features)
    frames_a_step = recogniser.network.subsampling.frames_a_step
    strips, num_wrong = [], 0
    for i, alignment in enumerate(logits.argmax(-1).tolist()):
        spoken = said_when(alignment[: int(lengths[i])], blank=recogniser.num_labels)
        wanted = labels.values[i, : int(labels.lengths[i])].tolist()
        right = [label for _, label in spoken] == wanted
        num_wrong += not right
        said = [(step * frames_a_step, classes[label]) for step, label in spoken]
        truth = " ".join(classes[label] for label in wanted)
        strips.append(_strip(features.values[i, : int(features.lengths[i])], said, RIGHT if right else WRONG, truth))
    caption = (
        f"The {len(strips)} of {len(dataset)} test sequences of whose labels the recogniser was least sure, least sure "
        f"first: features over time, above them what it recognised, where it did, and beside them what was said; "
        f"{num_wrong} are wrong (red)."
    )
    return Picture(_stacked(strips), caption)


def _strip(features: Tensor, said: Sequence[tuple[int, str]], colour: tuple[int, int, int], truth: str) -> np.ndarray:
    """Features [T, F] as grey pixels, a line above with words at frames, the truth to the right: [H, W, 3] uint8."""
    from PIL import Image, ImageDraw, ImageFont

    grey = ((features / DEVIATIONS).clamp(-1, 1) * 127.5 + 127.5).byte().cpu().numpy().T[::-1]
    large = np.repeat(np.repeat(grey, SCALE, 0), SCALE, 1)
    font = ImageFont.load_default(TEXT - 6)
    height, width = large.shape
    pixels = np.full((TEXT + height, width + 2 * GAP + math.ceil(font.getlength(truth)), 3), 255, np.uint8)
    pixels[TEXT:, :width] = large[..., None]
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.text((width + GAP, TEXT + height // 2), truth, fill="black", font=font, anchor="lm")
    for frame, word in said:
        draw.text((frame * SCALE, TEXT // 2), word, fill=colour, font=font, anchor="lm")
        draw.line([(frame * SCALE, TEXT), (frame * SCALE, TEXT + 5)], fill=colour, width=SCALE)
    return np.asarray(image)


def _stacked(strips: Sequence[np.ndarray]) -> np.ndarray:
    """Strips [H, W, 3] of any width below each other, on white."""
    width = max(strip.shape[1] for strip in strips) + 2 * GAP
    whole = np.full((sum(strip.shape[0] + GAP for strip in strips) + GAP, width, 3), 255, np.uint8)
    top = GAP
    for strip in strips:
        whole[top : top + strip.shape[0], GAP : GAP + strip.shape[1]] = strip
        top += strip.shape[0] + GAP
    return whole
