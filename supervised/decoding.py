"""From a model of the next word to whole outputs: the likeliest word at each step, or a search with a beam.

Letters: B examples, W width of the beam, N sequences in progress, V words that can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

Advance = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""(last words [N], state) -> log-probabilities [N, V] of the next word, and the state after the last."""


class Selectable(Protocol):
    """What a model keeps of N sequences in progress."""

    def select(self, rows: Tensor) -> Selectable:
        """That of the sequences at `rows` [K], of which one may stand several times."""
        ...


@dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """How an output is looked for."""

    beam_width: int = 1  # sequences kept at each step; 1: the likeliest word at each step, which is greedy
    length_penalty: float = 1.0  # the alpha of Wu et al. 2016: 0 compares log-probabilities as they are
    longest: int = 60  # words of an output, the end symbol among them

    def __post_init__(self) -> None:
        if self.beam_width < 1 or self.longest < 1 or self.length_penalty < 0:
            raise ValueError(
                f"beam_width is {self.beam_width}, longest {self.longest} and length_penalty {self.length_penalty}, "
                "but a search keeps at least one sequence of at least one word, and a penalty is 0 or more. Raise them."
            )


class Found(NamedTuple):
    """An output: its words without the end symbol, and what it was ranked by."""

    words: list[int]
    score: float


def decode_greedily(advance: Advance, state: Selectable, count: int, begin: int, end: int, longest: int) -> list[Found]:
    """The likeliest word at each step, of `count` examples side by side, until the end symbol or `longest` words.

    The scores are log-probabilities.
    """
    words, chosen = torch.full((count,), begin), []
    scores, ended = torch.zeros(count), torch.zeros(count, dtype=torch.bool)
    for _ in range(longest):
        log_probabilities, state = advance(words, state)
        best, words = log_probabilities.max(-1)
        scores, ended = scores.to(best), ended.to(best.device)
        scores = scores + best.masked_fill(ended, 0.0)
        chosen.append(words.masked_fill(ended, end))
        ended = ended | (words == end)
        if bool(ended.all()):
            break
    outputs = torch.stack(chosen, 1).tolist()
    return [Found(_before(output, end), score) for output, score in zip(outputs, scores.tolist())]


def _before(output: list[int], end: int) -> list[int]:
    return output[: output.index(end)] if end in output else output


def search_beam(
    advance: Advance, state: Selectable, count: int, begin: int, end: int, config: DecodingConfig
) -> list[list[Found]]:
    """For each of `count` examples the outputs found, best first, at most as many as the beam is wide.

    At each step the W likeliest continuations of an example are kept; those that end are outputs, and the search for
    the example is over once there are W. What reaches the longest length is an output without its end. Ranked by
    log-probability / ((5 + length) / 6) ** alpha, the end symbol counted. Source: Wu et al. 2016, "Google's neural
    machine translation system", section 7, without its coverage penalty.
    """
    width = config.beam_width
    words, state = torch.full((count * width,), begin), state.select(torch.arange(count).repeat_interleave(width))
    # One sequence at the start, not W copies of it, of which all would go on alike.
    totals = torch.full((count, width), -torch.inf)
    totals[:, 0] = 0.0
    kept = torch.empty(count, width, 0, dtype=torch.int64)  # the words of each
    outputs: list[list[Found]] = [[] for _ in range(count)]
    for length in range(1, config.longest + 1):
        log_probabilities, state = advance(words, state)
        totals, kept = totals.to(log_probabilities), kept.to(log_probabilities.device)
        num_words = log_probabilities.shape[-1]
        following = (totals[:, :, None] + log_probabilities.view(count, width, -1)).flatten(1)
        # Each sequence has one end, so that of 2 W candidates at least W go on.
        best, places = following.topk(min(2 * width, following.shape[1]), 1)
        origins, chosen = places // num_words, places % num_words
        ends = chosen == end
        _take(outputs, kept, origins[:, :width], ends[:, :width], best[:, :width], length, config)
        if all(len(found) >= width for found in outputs):
            break
        rank = ends.long().argsort(dim=1, stable=True)[:, :width]  # those that go on first, still best first
        totals = best.masked_fill(ends, -torch.inf).gather(1, rank)
        origins, chosen = origins.gather(1, rank), chosen.gather(1, rank)
        kept = torch.cat([_of(kept, origins), chosen[:, :, None]], -1)
        rows = origins + torch.arange(count, device=origins.device)[:, None] * width
        words, state = chosen.flatten(), state.select(rows.flatten())
    else:
        everywhere = torch.arange(width, device=kept.device).expand(count, width)
        _take(outputs, kept, everywhere, torch.ones_like(everywhere, dtype=torch.bool), totals, config.longest, config)
    return [sorted(found, key=lambda each: -each.score) for found in outputs]


def _of(kept: Tensor, origins: Tensor) -> Tensor:
    """Of kept [B, W, T] the sequences at origins [B, K]: [B, K, T]."""
    return kept.gather(1, origins[:, :, None].expand(-1, -1, kept.shape[2]))


def _take(
    outputs: list[list[Found]],
    kept: Tensor,
    origins: Tensor,
    ends: Tensor,
    totals: Tensor,
    length: int,
    config: DecodingConfig,
) -> None:
    """Adds to each example's outputs the sequences at `origins` [B, W] that end, best first, while it has too few."""
    ends = ends & totals.isfinite()
    if not bool(ends.any()):
        return
    scores = (totals / ((5 + length) / 6) ** config.length_penalty).tolist()
    for found, sequences, ended, ranks in zip(outputs, _of(kept, origins).tolist(), ends.tolist(), scores):
        for words, over, score in zip(sequences, ended, ranks):
            if over and len(found) < config.beam_width:
                found.append(Found(words, score))
