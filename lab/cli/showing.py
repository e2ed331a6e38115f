"""`lab report`: what the runs came to, to look at."""

from __future__ import annotations

from pathlib import Path

from lab.cli.arguments import Parser
from lab.names import did_you_mean
from lab.store import find_runs, runs_folder


def report_command(words: list[str]) -> int:
    """`lab report`: one HTML file about the runs."""
    parser = Parser(
        "report",
        "Write one self-contained HTML page about the runs and searches: curves, targets, pictures, tables, costs,\n"
        "failures, and the commands that repeat it all. It opens in any browser and fetches nothing.",
    )
    parser.add_argument("experiments", nargs="*", metavar="NAME", help="only these experiments (default: all)")
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: report.html in the runs folder)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    folder = runs_folder(given.runs_dir)
    known = {directory.path.parts[-3] for directory in find_runs(folder)}
    if not known:
        raise ValueError(f"There are no runs under {folder} to report on. `lab run NAME` makes one.")
    for name in given.experiments:
        if name not in known:
            raise ValueError(f"There is no run of {name!r} under {folder}. {did_you_mean(name, known)}")
    from lab.report import write_report

    page = write_report(folder, Path(given.out or folder / "report.html"), given.experiments or None)
    print(f"Report: {page.resolve()}")
    return 0
