"""Records: what happened in a run, episode by episode, each exactly once whatever the number of kills.

    episodes/
      step-000000050000.npz     what happened between the checkpoint before and that of this step

A file holds a column a key. Arrays of different lengths stand end to end, `<key>.data`, beside their `<key>.lengths`.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.store import RunError
from lab.writing import sync_folder, write_durably

if TYPE_CHECKING:
    from lab.trial import Record

_STEP = re.compile(r"step-(\d{12,})\.npz")


class Records:
    """The records of one run, in a folder of their own, readable with numpy alone and without pickles."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, step: int, records: list[Record]) -> None:
        """Keeps durably what happened before the checkpoint of `step`, which is saved after this; nothing is no file.

        Raises RunError if the disk does not take it.
        """
        if not records:
            return
        path = self.folder / f"step-{step:012d}.npz"
        aside = self.folder / f".{path.name}"
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **_columns(records))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(aside, packed.getbuffer())
            aside.rename(path)
            sync_folder(self.folder)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise RunError(
                f"{path} could not be written: {error.strerror or error}. Make room (or give another folder by "
                "--runs-dir) and run the same command again: it goes on from the newest checkpoint."
            ) from error

    def rewind(self, step: int) -> None:
        """Removes what happened after `step`, from where the run goes on and where it will happen again."""
        late = [path for path, at in self._files() if at > step]
        for path in [*late, *self.folder.glob(".step-*.npz")]:
            path.unlink()
        if late:
            sync_folder(self.folder)

    def read(self) -> list[Record]:
        """Every record, in order. Raises RunError for a file that is damaged."""
        return [record for path, _ in self._files() for record in _read(path)]

    def _files(self) -> list[tuple[Path, int]]:
        found = ((path, _STEP.fullmatch(path.name)) for path in self.folder.glob("step-*.npz"))
        return sorted(((path, int(match[1])) for path, match in found if match), key=lambda item: item[1])


def _columns(records: list[Record]) -> dict[str, np.ndarray]:
    columns = {}
    for key in records[0]:
        values = [record[key] for record in records]
        if isinstance(values[0], np.ndarray):
            columns[f"{key}.data"] = np.concatenate(values)
            columns[f"{key}.lengths"] = np.array([len(value) for value in values])
        else:
            columns[key] = np.array(values)
    return columns


def _read(path: Path) -> list[Record]:
    try:
        with np.load(path, allow_pickle=False) as columns:
            table: dict[str, list[Any]] = {}
            for name in columns.files:
                if name.endswith(".lengths"):
                    ends = np.cumsum(columns[name])[:-1]
                    key = name.removesuffix(".lengths")
                    table[key] = np.split(columns[f"{key}.data"], ends)
                elif not name.endswith(".data"):
                    table[name] = columns[name].tolist()
        return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    except (ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RunError(
            f"{path} is damaged ({error}). Move it away: what is recorded in it is lost, but the run and its "
            "checkpoints do not need it."
        ) from error
