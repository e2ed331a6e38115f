"""Attention drawn: which words of the source each word of an output looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from lab.trial import Picture

END = "(end)"  # how the end symbol is written
CELL, MARGIN = 0.42, 1.6  # inches: a word's row or column, and the words beside it
DOTS = 100  # pixels an inch


def attention_map(source: Sequence[str], output: Sequence[str], weights: Tensor, caption: str = "") -> Picture:
    """The weights [T + 1, S] of T output words and the end on S source words: the darker, the more was looked at.

    Raises ValueError where the weights do not fit the words.
    """
    rows = [*output, END]
    if weights.shape != (len(rows), len(source)):
        raise ValueError(
            f"The weights have shape {list(weights.shape)}, but {len(output)} output words and the end look at "
            f"{len(source)} source words. Give one row a word and the end, and one column a source word."
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (MARGIN + CELL * len(source), MARGIN + CELL * len(rows))
    figure = Figure(figsize=size, dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(weights.float().cpu().numpy(), cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    # A dollar would begin a formula.
    axes.set_xticks(
        range(len(source)), [_plain(word) for word in source], rotation=60, ha="left", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(rows)), [_plain(word) for word in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Picture(np.asarray(canvas.buffer_rgba())[..., :3].copy(), caption)


def _plain(word: str) -> str:
    return word.replace("$", r"\$")
