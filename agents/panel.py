"""The panel beside a picture: what an agent expected of each action, and the return so far, with a moving cursor.

Drawn once by matplotlib; a step only moves the cursor over the finished pixels, so that thousands take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.ImageFont import FreeTypeFont

_LEAST_HEIGHT = 260  # pixels, without the legend; below it the curves would be too flat to read
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito, 2008
_INK, _PAPER = (50, 50, 50), 255
_FADED = 0.75  # share of white in what lies after the cursor


class Panel:
    """[height, width, 3] uint8 pixels for each of T steps."""

    def __init__(self, height: int, rewards: np.ndarray, values: np.ndarray | None, names: Sequence[str] = ()):
        """For rewards [T] and, of an agent that can tell, values [T, A] of actions with A names.

        As high as the picture beside it, `height`, or higher if letters would otherwise be too small.
        """
        self.returns = np.cumsum(rewards)  # [T], with the step's own reward
        self.names = names
        # Points and pixels of a panel at scale 1; a letter is about 0.8 points wide and 1.4 pixels a point.
        self._legend_font = 7 if len(names) <= 8 else 6
        longest = max((len(name) for name in names), default=1)
        self._legend_columns = max(1, round(340 / (30 + 0.8 * self._legend_font * longest)))
        rows = -(-len(names) // self._legend_columns)
        scale = min(max(height / 320, 1.0), 3.0)
        self.height = max(height, _LEAST_HEIGHT + 2 * self._legend_font * rows)
        self.width, self._strip = round(380 * scale), round(24 * scale)
        self._colours = _colours(len(names))
        self._thickness = max(1, round(scale))
        self._font = _font(round(12 * scale))
        self._whole, self._boxes, self._columns = self._drawn(values, 100 * scale)
        self._later = self._whole.copy()
        for left, right, top, bottom in self._boxes:
            part = self._whole[top:bottom, left:right]
            self._later[top:bottom, left:right] = (1 - _FADED) * part + _FADED * _PAPER

    def at(self, step: int, action: int | None = None) -> np.ndarray:
        """The panel at a step, counted from 0, in which `action` was taken."""
        pixels, column = self._later.copy(), self._columns[step]
        for left, _, top, bottom in self._boxes:
            pixels[top:bottom, left:column] = self._whole[top:bottom, left:column]
            pixels[top:bottom, column : column + self._thickness] = _INK
        self._write(pixels, step, action)
        return pixels

    def _write(self, pixels: np.ndarray, step: int, action: int | None) -> None:
        """The step, the return so far and the action's name, along the top."""
        from PIL import Image, ImageDraw

        strip = Image.fromarray(pixels[: self._strip])
        draw = ImageDraw.Draw(strip)
        left, middle, third = self._boxes[0][0], self._strip // 2, (self.width - self._boxes[0][0]) // 3
        words: list[tuple[str, Any]] = [(f"step {step + 1}", _INK), (f"return {self.returns[step]:.6g}", _INK)]
        if action is not None and action < len(self.names):
            words.append((self.names[action], self._colours[action]))
        for place, (word, colour) in enumerate(words):
            draw.text((left + place * third, middle), word, fill=colour, font=self._font, anchor="lm")
        pixels[: self._strip] = np.asarray(strip)

    def _drawn(self, values: np.ndarray | None, dpi: float) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
        """Its pixels, the boxes (left, right, top, bottom) in which the cursor moves, and its column at each step."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width / dpi, self.height / dpi), dpi=dpi, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        engine: Any = figure.get_layout_engine()
        engine.set(rect=(0, 0, 1, 1 - self._strip / self.height), w_pad=0.06, h_pad=0.04)
        steps = np.arange(1, len(self.returns) + 1)
        rows = figure.subplots(1 if values is None else 2, sharex=True, squeeze=False)[:, 0]
        if values is not None:
            for line, name, colour in zip(values.T, self.names, self._colours):
                rows[0].plot(steps, line, color=colour, linewidth=1.1, label=name)
            rows[0].legend(
                loc="lower left", bbox_to_anchor=(0, 1, 1, 0), ncols=self._legend_columns, frameon=False,
                fontsize=self._legend_font, handlelength=1.2, columnspacing=1.2, borderaxespad=0.2, borderpad=0,
            )  # fmt: skip
            _plain(rows[0], "value")
        rows[-1].plot(steps, self.returns, color="#555555", linewidth=1.1, drawstyle="steps-post")
        _plain(rows[-1], "return")
        rows[-1].set_xlabel("step", fontsize=8)
        rows[-1].xaxis.get_major_locator().set_params(integer=True)
        rows[-1].set_xlim(1, max(2, len(steps)))
        figure.align_ylabels()
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        boxes = []
        for axes in rows:
            extent = axes.get_window_extent()
            edges = (extent.x0, extent.x1, self.height - extent.y1, self.height - extent.y0)
            boxes.append(tuple(round(edge) for edge in edges))
        columns = rows[-1].transData.transform(np.stack([steps, np.zeros_like(steps)], axis=1))[:, 0]
        last = boxes[0][1] - self._thickness  # so that the cursor stays whole
        return pixels, boxes, np.minimum(columns.round().astype(int), last)


def _plain(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.locator_params(axis="y", nbins=4)


def _colours(count: int) -> list[str]:
    """One for each action; with more than seven they are hard to tell apart in any case."""
    if count <= len(_COLOURS):
        return list(_COLOURS[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps["gist_rainbow"](np.linspace(0, 1, count))]


def _font(size: int) -> FreeTypeFont:
    """The font that matplotlib brings along and labels the axes with."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
