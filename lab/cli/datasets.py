"""`lab data`: the data sets by name, whether their files are there and whole, and what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.arguments import Parser, table
from lab.names import did_you_mean

if TYPE_CHECKING:
    from lab.data import Dataset
    from lab.data.catalogue import Source

ACTIONS = ("list", "fetch", "check", "show")
COLUMNS = 16  # examples of a class in a picture


def data_command(words: list[str]) -> int:
    """`lab data`: lists, fetches, checks and shows data sets."""
    parser = Parser(
        "data",
        "Data sets by name: `lab data` lists them, `lab data fetch NAME` gets their files from the publisher,\n"
        "`lab data check` reads those that are there and compares checksums, `lab data show NAME` writes a picture,\n"
        "or prints texts.\n"
        "Files lie in $LAB_DATA, or in lab/data in your cache folder.",
    )
    parser.add_argument("action", nargs="?", default="list", metavar="ACTION", help=" | ".join(ACTIONS))
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets (default, to list or to check: all)")
    parser.add_argument("--out", metavar="FOLDER", default=".", help="where `show` writes (default: here)")
    given = parser.parse_args(words)
    if given.action not in ACTIONS:
        raise ValueError(f"`lab data` cannot {given.action!r}. {did_you_mean(given.action, ACTIONS)}")
    from lab.data.catalogue import SOURCES, source

    if not given.names and given.action in ("fetch", "show"):
        raise ValueError(f"`lab data {given.action}` needs the name of a data set. There are: {', '.join(SOURCES)}.")
    chosen = {name: source(name) for name in given.names or SOURCES}
    if given.action == "list":
        print(_listed(chosen))
    elif given.action == "fetch":
        for each in chosen.values():
            for file in each.files:
                print(file.find())
    elif given.action == "check":
        return _checked(chosen)
    else:
        for name in chosen:
            print(_shown(name, Path(given.out)))
    return 0


def _listed(sources: dict[str, Source]) -> str:
    from lab.data.files import data_folder

    rows = []
    for name, source in sources.items():
        size = f"{sum(file.size for file in source.files) / 1e6:,.1f} MB" if source.files else ""
        there = [file.there() is not None for file in source.files]
        stands = "scikit-learn's" if not there else "there" if all(there) else "in part" if any(there) else "not there"
        if not all(there) and not all(file.address for file in source.files):
            stands += ", yours to bring"
        rows.append([name, stands, size, source.licence, source.about])
    return f"{table(['name', 'files', 'size', 'licence', 'what it is'], rows)}\n\nFiles lie in {data_folder()}."


def _checked(sources: dict[str, Source]) -> int:
    """Prints how each file that is there stands; 1 if one is damaged, else 0."""
    from lab.data.files import DataError, data_folder

    bad = 0
    for source in sources.values():
        for file in source.files:
            path = file.there()
            if path is None:
                print(f"not there  {data_folder() / file.path}")
                continue
            try:
                file.check(path)
                print(f"whole      {path}")
            except DataError as error:
                bad += 1
                print(f"DAMAGED    {error}")
    return 1 if bad else 0


def _shown(name: str, folder: Path) -> str:
    """Writes the first training images of each class, a row a class; returns the path and what the rows are.

    Of what has no pictures, it returns some examples in words.
    """
    from lab.data.catalogue import Published, source
    from lab.media import write_picture
    from lab.pictures import sheet, tile

    published = source(name).read()
    if not isinstance(published, Published):
        return str(published.excerpt())
    dataset = published.train
    if dataset.inputs.ndim != 4 or not published.classes:
        return f"{name} has no pictures: {_numbers(dataset)}"
    tiles = [
        tile(dataset.inputs[i])
        for label in range(len(published.classes))
        for i in (dataset.labels == label).nonzero().flatten()[:COLUMNS].tolist()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    write_picture(path, sheet(tiles, COLUMNS))
    return f"{path}\n{_numbers(dataset)}; from top to bottom: {', '.join(published.classes)}"


def _numbers(dataset: Dataset) -> str:
    return f"{len(dataset):,} training examples of shape {list(dataset.inputs.shape[1:])}"
