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
        "failures, and the commands that repeat it all. It opens in any browser and fetches nothing.\n"
        "With --wandb the same stands in your W&B project as well: one report for this folder of runs, written anew\n"
        "each time, whose curves and pictures are those of the runs that W&B holds (`lab sync` uploads them).",
    )
    parser.add_argument("experiments", nargs="*", metavar="NAME", help="only these experiments (default: all)")
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: report.html in the runs folder)")
    parser.add_argument("--wandb", action="store_true", help="also write it as a W&B report (needs wandb-workspaces)")
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
    print(f"Report: {page.resolve()}", flush=True)
    if given.wandb:
        from datetime import UTC, datetime

        from lab.report.outline import outline
        from lab.tracking.workspace import publish

        found = outline(folder, given.experiments or None, datetime.now(UTC))
        print(f"W&B report: {publish(folder, found.title, found.summary, found.blocks)}")
        if found.unseen:
            print(f"{found.unseen} of its runs are in its tables but not in W&B yet. `lab sync` uploads them.")
    return 0
