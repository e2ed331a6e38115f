"""`lab rerun` and `lab diff`: whether a run comes out the same again, and in what two runs differ."""

from __future__ import annotations

import json
from typing import Any

from lab.cli.arguments import Parser, number, table
from lab.store import find_run, runs_folder


def rerun_command(words: list[str]) -> int:
    """`lab rerun RUN`: 0 where the repeat is identical, 1 where it is not."""
    parser = Parser(
        "rerun",
        "Repeat a finished run from its directory alone, and say whether it comes out identical, bit for bit; if not,\n"
        "where the two part and what has changed since: commit, libraries, hardware. The repeat is kept in RUN/rerun.",
    )
    parser.add_argument("run", metavar="RUN", help="a run directory, or enough of its name")
    parser.add_runs_dir()
    given = parser.parse_args(words)
    directory = find_run(given.run, runs_folder(given.runs_dir))
    from lab.cli.display import Display
    from lab.repeating import rerun

    with Display() as display:
        found = rerun(directory, lambda progress: display.watch(directory, progress))
    changed = [f"changed since: {change}" for change in found.changed]
    if found.identical:
        print("\n".join([f"identical: {found.again.path}", *changed]))
        return 0
    part = found.parting
    where = (
        f"the two part at step {part.step}: {part.metric} was {_told(part.ours)}, is {_told(part.theirs)}"
        if part is not None
        else "all that was logged is the same, but the state at the end is not"
    )
    nothing = "nothing that is known has changed since: commit, libraries and hardware are the same"
    print("\n".join([f"not identical: {found.again.path}", where, *(changed or [nothing])]))
    return 1


def diff_command(words: list[str]) -> int:
    """`lab diff A B`."""
    parser = Parser(
        "diff",
        "Say in what two runs differ: settings, what they stood on (commit, libraries, hardware), where their logged\n"
        "values part, and what both were judged as in the end.",
    )
    parser.add_argument("ours", metavar="A", help="a run directory, or enough of its name")
    parser.add_argument("theirs", metavar="B", help="another")
    parser.add_runs_dir()
    parser.add_json()
    given = parser.parse_args(words)
    folder = runs_folder(given.runs_dir)
    from dataclasses import asdict

    from lab.repeating import difference

    one, other = (find_run(name, folder) for name in (given.ours, given.theirs))
    found = difference(one, other)
    if given.json:
        print(json.dumps({"runs": [str(one.path), str(other.path)], **asdict(found)}, indent=1))
        return 0
    names = [run.name for run in (one, other)]
    settings = [[name, *map(_told, values)] for name, values in found.settings.items()]
    print(table(["setting", *names], settings) if settings else "The settings are the same.")
    for name, nursed in zip(names, found.nursed):
        for each in nursed:
            print(f"{name} was nursed at step {each.step:,}: {each.said}")
    print("\n".join(["", *found.stood_on]) if found.stood_on else "\nCode, libraries and hardware are the same.")
    part = found.parting
    print(
        "\nEvery logged value is the same, times left out."
        if part is None
        else f"\nThey part at step {part.step}: {part.metric} is {_told(part.ours)} and {_told(part.theirs)}."
    )
    print("\n" + table(["last judgement", *names], [[name, *map(_told, pair)] for name, pair in found.last.items()]))
    return 0


def _told(value: Any) -> str:
    return number(value) if isinstance(value, float) else "none" if value is None else str(value)
