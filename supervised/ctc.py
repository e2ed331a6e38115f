"""Connectionist temporal classification: labels of which nobody says when. Source: Graves et al. 2006.

Every step says one of K symbols: a label from 0 to K - 2, or the blank, K - 1, which is none. An alignment, a symbol
for each step, says the labels that are left once repeated symbols are merged and then blanks dropped. The probability
of labels is the sum over all alignments that say them. Letters: B batch, T steps, K symbols, L labels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.backbones import valid_steps
from lab.data.sequences import Padded


def ctc_loss(logits: Tensor, lengths: Tensor, labels: Padded) -> Tensor:
    """The negative log-probability of all alignments that say the labels, in nats.

    logits [B, T, K], of which lengths [B] steps count; labels [B, L] int64 in [0, K - 1). Returns [B]; infinite where
    there are fewer steps than `fewest_steps`. Source: Graves et al. 2006, section 4.1.
    """
    log_probabilities = logits.log_softmax(-1).transpose(0, 1)
    blank = logits.shape[-1] - 1
    if logits.is_cuda and torch.are_deterministic_algorithms_enabled():
        # Torch's gradient on CUDA adds up in any order. What goes to the CPU and back is small: symbols, no features.
        log_probabilities, lengths = log_probabilities.cpu(), lengths.cpu()
        labels = Padded(labels.values.cpu(), labels.lengths.cpu())
    losses = F.ctc_loss(log_probabilities, labels.values, lengths, labels.lengths, blank=blank, reduction="none")
    return losses.to(logits.device)


def fewest_steps(labels: Padded) -> Tensor:
    """The steps that it takes to say labels [B, L]: one each, and a blank between two that are the same. [B]."""
    values, lengths = labels
    inside = valid_steps(lengths, values.shape[1])[:, 1:]
    return lengths + ((values[:, 1:] == values[:, :-1]) & inside).sum(1)


def said_when(alignment: Sequence[int], blank: int) -> list[tuple[int, int]]:
    """What an alignment says, repeated symbols merged and then blanks dropped: (first step, label) of each label."""
    before = [blank, *alignment]
    return [(t, s) for t, s in enumerate(alignment) if s != before[t] and s != blank]


def decode_greedily(logits: Tensor, lengths: Tensor) -> list[list[int]]:
    """What the likeliest alignment says, which need not be the likeliest labels: logits [B, T, K], lengths [B]."""
    alignments = logits.argmax(-1).tolist()
    blank = logits.shape[-1] - 1
    spoken = (said_when(alignment[:length], blank) for alignment, length in zip(alignments, lengths.tolist()))
    return [[label for _, label in each] for each in spoken]


def search_prefixes(log_probabilities: Tensor, width: int) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest labels of one sequence [T, K] and their log-probabilities, the likeliest first.

    After every step the `width` likeliest prefixes are kept, each with all alignments that were kept and say it. If
    none was dropped, the log-probabilities are exact; else they are too low. Source: Graves et al. 2006, section 3.2,
    step by step as in Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs", algorithm 1, without a language model.
    """
    if width < 1:
        raise ValueError(f"width is {width}, but a search that keeps no prefix finds none. Set it to 1 or more.")
    blank = log_probabilities.shape[-1] - 1
    # Of each prefix the log-probability of the alignments that end in a blank, and of those that end in its last label.
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for step in log_probabilities.tolist():
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (in_blank, in_label) in beam.items():
            both = _add(in_blank, in_label)
            same = grown[prefix]
            same[0] = _add(same[0], both + step[blank])
            if prefix:
                same[1] = _add(same[1], in_label + step[prefix[-1]])
            for label in range(blank):
                # Without a blank between, the same label again only goes on with the last one.
                before = in_blank if prefix and label == prefix[-1] else both
                if before > -math.inf:
                    longer = grown[(*prefix, label)]
                    longer[1] = _add(longer[1], before + step[label])
        kept = sorted(grown.items(), key=lambda found: _add(*found[1]), reverse=True)[:width]
        beam = {prefix: (ends[0], ends[1]) for prefix, ends in kept}
    return [(prefix, _add(*ends)) for prefix, ends in beam.items()]


def _add(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    low, high = (a, b) if a < b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
