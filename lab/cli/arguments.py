"""A plain argument parser whose errors name the nearest valid word; and how seeds are written."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from lab.cli import UsageError
from lab.names import did_you_mean


class Parser(argparse.ArgumentParser):
    """argparse, with did-you-mean and the lab's way of saying that the usage is wrong."""

    def __init__(self, command: str, about: str):
        super().__init__(
            prog=f"lab {command}",
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raises UsageError instead of printing a usage line and exiting."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            message = f"{unknown[1]!r} is no option of `{self.prog}`. {did_you_mean(unknown[1], options)}"
        raise UsageError(f"{message} See `{self.prog} --help`.")

    def add_runs_dir(self) -> None:
        """Adds --runs-dir."""
        self.add_argument("--runs-dir", metavar="DIR", help="where runs are kept (default: $LAB_RUNS, or ./runs)")

    def add_repository(self) -> None:
        """Adds --repository."""
        self.add_argument("--repository", metavar="DIR", help="what holds results/ (default: the lab's checkout)")

    def add_json(self) -> None:
        """Adds --json."""
        self.add_argument("--json", action="store_true", help="print JSON for other programs")

    def add_asked(self) -> None:
        """Adds --metric, --step and --lower-is-better: by what runs are compared."""
        self.add_argument("--metric", help="what to compare by, such as eval/return (default: the target's)")
        self.add_argument("--step", type=int, help="the step to compare at (default: the target's budget)")
        self.add_argument("--lower-is-better", action="store_true", default=None, help="of that metric")


def parse_seeds(words: Sequence[str]) -> list[int]:
    """['0-4'] -> [0, 1, 2, 3, 4]; ['1,5,7'] and ['1', '5', '7'] -> [1, 5, 7]; all forms mix.

    Raises ValueError for what are no whole numbers, and for a range that runs backwards.
    """
    seeds: list[int] = []
    text = " ".join(words)
    for part in re.split(r"\s*,\s*|\s+", text.strip()):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(
                f"--seeds is {text!r}. Write whole numbers, as a range such as 0-4 or a list such as 1,5,7."
            )
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    return seeds


def number(value: float | None) -> str:
    """Four digits; JSON, and so metrics.jsonl, has no word for a value that is not finite."""
    return "not finite" if value is None else f"{value:.4g}"


def table(headers: list[str], rows: list[list[Any]]) -> str:
    """A table in plain text; numbers stand to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [headers, *cells]) for i in range(len(headers))]
    right = [all(isinstance(row[i], int | float) for row in rows) and bool(rows) for i in range(len(headers))]

    def line(row: list[str]) -> str:
        padded = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right)]
        return "  ".join(padded).rstrip()

    return "\n".join([line(headers), line(["-" * w for w in widths]), *(line(row) for row in cells)])
