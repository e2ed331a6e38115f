"""The progress display: bars on a terminal, silence elsewhere; and the closing lines."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from lab.cli.display import Display, closing_lines
from lab.launching import Launched
from lab.run import Progress
from lab.store import RunDirectory


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "200")
    directory = RunDirectory(Path("runs/walk/0a/seed-0"))
    with Display() as display:
        display.watch(directory, Progress(5_000, 20_000, "paces", {"train/loss": 0.25}))
        display.watch(directory, Launched(directory, "walk", "", 0, "finished", "ran"))
    return stream.getvalue()


def test_it_is_silent_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""


def test_it_shows_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, Terminal())
    assert "walk/0a/seed-0" in said
    assert "finished" in said


def test_closing_lines(runs: Path) -> None:
    directory = RunDirectory(runs / "walk" / "0a" / "seed-0")
    directory.path.mkdir(parents=True)
    directory.metrics_file.write_text('{"step": 1, "eval/score": 0.98765, "eval/other": null}\n{"step": 2}\n')

    def line(state: str, did: str = "ran", variant: str = "", error: str | None = None) -> list[str]:
        return closing_lines([Launched(directory, "walk", variant, 0, state, did, error)], "lab run walk")

    scores = "score 0.9877, other not finite"
    assert line("finished") == [f"finished: {directory.path}  {scores}"]
    assert line("finished", variant="slow") == [f"finished: {directory.path} (slow)  {scores}"]
    assert "nothing is left to do" in line("finished", did="nothing")[0]
    assert line("failed", error="what") == [f"failed: {directory.path}  what"]
    assert line("interrupted", error="SIGTERM") == [
        f"interrupted: {directory.path}  SIGTERM", "Go on with: lab run walk"
    ]  # fmt: skip
