"""The progress display: bars on a terminal, silence elsewhere; and the closing lines of a launch."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from lab.cli.scores import first_metric, last_evaluation, said
from lab.launching import Launched
from lab.run import Progress
from lab.store import RunDirectory


class Display:
    """A bar a run on standard error while it is a terminal. Use as a context, with `watch` for `launch`."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.bars: dict[str, Any] = {}
        self.metrics: dict[str, str] = {}  # by bar: the metric of the run's target

    def __enter__(self) -> Display:
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.progress = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn(),
                console=Console(stderr=True),
            )  # fmt: skip
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.progress.stop()

    def watch(self, directory: RunDirectory, news: Progress | Launched) -> None:
        """Shows how far a run is."""
        if not self.live:
            return
        name = directory.name
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=None, told="")
            self.metrics[name] = first_metric(directory)
        if isinstance(news, Launched):
            self.progress.update(self.bars[name], told=news.state, total=1, completed=1)
            return
        told = f"{news.step:,}/{news.budget:,} {news.unit}"
        for key in (self.metrics[name], "train/loss"):
            if key in news.row:
                told += f"  {key} {news.row[key]:.4g}"
                break
        self.progress.update(self.bars[name], total=news.budget, completed=news.step, told=told)


def closing_lines(launched: list[Launched], again: str) -> list[str]:
    """What a launch says at its end; `again` is the command that goes on."""
    lines = []
    for item in launched:
        path = item.directory.path
        what = f"{path}{f' ({item.variant})' if item.variant else ''}"
        if item.state == "finished":
            nothing = " before; nothing is left to do (raise --run.steps to go on, or --fresh to start over)"
            scores = said(last_evaluation(item.directory.rows(), first_metric(item.directory)))
            lines.append(f"finished{nothing if item.did == 'nothing' else ''}: {what}{f'  {scores}' if scores else ''}")
        else:
            lines.append(f"{item.state}: {what}{f'  {item.error}' if item.error else ''}")
    if any(item.state in ("interrupted", "waiting") for item in launched):
        lines.append(f"Go on with: {again}")
    return lines
