"""Attention laid out: which words of the source each word of an output looked at."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lab.trial import Grid

END = "(end)"  # how the end symbol is written


def attention_map(source: Sequence[str], output: Sequence[str], weights: Tensor, caption: str = "") -> Grid:
    """The weights [T + 1, S] of T output words and the end on S source words.

    Raises ValueError where the weights do not fit the words.
    """
    rows = [*output, END]
    if weights.shape != (len(rows), len(source)):
        raise ValueError(
            f"The weights have shape {list(weights.shape)}, but {len(output)} output words and the end look at "
            f"{len(source)} source words. Give one row a word and the end, and one column a source word."
        )
    values = weights.detach().float().cpu().numpy()
    return Grid(values, rows, list(source), down="word of the answer", across="word looked at", caption=caption)
