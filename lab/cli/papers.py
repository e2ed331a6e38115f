"""`lab table` and `lab figure`: what goes from runs into a paper."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from lab.cli import UsageError
from lab.cli.arguments import Parser
from lab.paper.tables import Form, table
from lab.sides import Asked, sides_of
from lab.store import runs_folder
from lab.writing import written_aside

FORMS: dict[str, Form] = {".md": "markdown", ".tex": "latex", ".csv": "csv"}


def table_command(words: list[str]) -> int:
    """`lab table SIDE ...`."""
    parser = Parser(
        "table",
        "Write scores over seeds as a table: a row a side, a column a task, the best of each task in bold.\n"
        "Sides are named as for `lab compare`; several tasks of a side stand with commas between them.\n\n"
        "  lab table dqn_cartpole,dqn_pong sb3_dqn_cartpole,sb3_dqn_pong --out table.tex",
    )
    parser.add_argument("sides", nargs="+", metavar="SIDE", help="EXPERIMENT, EXPERIMENT/ARM or EXPERIMENT/ADDRESS")
    parser.add_argument("--form", choices=get_args(Form), help="default: as --out ends, or markdown")
    parser.add_argument(
        "--statistic", choices=["iqm", "mean", "median"], default="iqm", help="over seeds (default: iqm)"
    )
    parser.add_argument("--digits", type=int, default=3, help="significant ones (default: 3)")
    parser.add_asked()
    parser.add_argument("--out", metavar="FILE", help="a .md, .tex or .csv file (default: print it)")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    ending = Path(given.out).suffix if given.out else ".md"
    if given.form is None and ending not in FORMS:
        raise ValueError(f"--out is {given.out}. Let it end in .md, .tex or .csv, or say --form.")
    if given.digits < 1:
        raise ValueError(f"--digits is {given.digits}, but a number has one at least. Raise it.")
    asked = Asked(metric=given.metric, step=given.step, lower_is_better=given.lower_is_better)
    sides = sides_of(given.sides, runs_folder(given.runs_dir), asked)
    text = table(sides, given.form or FORMS[ending], given.statistic, given.digits)
    if given.out is None:
        print(text, end="")
        return 0
    Path(given.out).parent.mkdir(parents=True, exist_ok=True)
    with written_aside(Path(given.out)) as file:
        file.write(text.encode())
    print(given.out)
    return 0


def figure_command(words: list[str]) -> int:
    """`lab figure EXPERIMENT ARM ...`."""
    parser = Parser(
        "figure",
        "Draw an experiment's curves for print: a line an arm with its 95 % interval over seeds, as PDF, SVG or PNG.\n"
        "Or, with --search, each setting's effect in a search: score against setting, a panel each.\n\n"
        "  lab figure dqn_cartpole --search --out search.pdf",
    )
    parser.add_argument("experiment", metavar="EXPERIMENT", help="whose runs are drawn")
    parser.add_argument("arms", nargs="*", metavar="ARM", help="only these, in this order (default: all)")
    parser.add_argument("--metric", help="what is drawn, such as train/loss (default: the target's)")
    parser.add_argument("--statistic", choices=["iqm", "mean"], help="over seeds (default: the target's, or the mean)")
    parser.add_argument(
        "--search", nargs="?", const="", metavar="HASH", help="a search, by its file's name (default: the newest)"
    )
    parser.add_argument(
        "--size", nargs=2, type=float, metavar=("WIDTH", "HEIGHT"),
        help="in inches, of each panel of a search (default: 3.3 2.2, of a search 2.2 1.8)",
    )  # fmt: skip
    parser.add_argument("--title", default="", help="default: none; a caption says it")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="a .pdf, .svg or .png file (default: EXPERIMENT[-search].pdf)",
    )
    parser.add_runs_dir()
    given = parser.parse_args(words)
    if given.size and min(given.size) <= 0:
        raise ValueError(f"--size is {given.size[0]:g} by {given.size[1]:g} inches, which has no area. Raise both.")
    if given.search is not None and (given.arms or given.metric or given.statistic):
        raise UsageError("--search draws a search as it was scored. Leave out arms, --metric and --statistic.")
    from lab.paper.curves import SIZE, draw, save
    from lab.paper.searches import PANEL, draw_search, find_search

    runs = runs_folder(given.runs_dir)
    if given.search is not None:
        found = find_search(runs, given.experiment, given.search)
        figure = draw_search(found, title=given.title, panel=tuple(given.size or PANEL))
    else:
        figure = draw(
            runs, given.experiment, arms=given.arms, metric=given.metric, statistic=given.statistic,
            title=given.title, size=tuple(given.size or SIZE),
        )  # fmt: skip
    path = Path(given.out or f"{given.experiment}{'' if given.search is None else '-search'}.pdf")
    save(figure, path)
    print(path)
    return 0
