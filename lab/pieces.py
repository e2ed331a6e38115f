"""The pieces that the checkpoints of a run share: files named by the SHA-256 of what they hold.

A file is relied on only if this process has written it or read it whole, and if it is still there as it was then.
What an earlier process left may have been damaged since.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from lab.tracked import PIECE, AnyTensor, Stored, Tracked, as_bytes, pieces, read_piece, spans
from lab.writing import sync_folder, write_durably


class Pieces:
    """A folder of pieces."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._sound: dict[str, tuple[int, int]] = {}  # size and time of change of each file that is relied on

    def forget_damaged(self) -> None:
        """Relies no more on files that are gone or were changed, so that `save` writes them anew."""
        there = {}
        if self.folder.exists():
            with os.scandir(self.folder) as entries:
                there = {entry.name: _stamp(entry.stat()) for entry in entries}
        self._sound = {name: stamp for name, stamp in self._sound.items() if there.get(name) == stamp}

    def save(self, tensor: AnyTensor) -> list[str]:
        """Writes the pieces of a tensor that no file holds yet and returns the names of all of them.

        Of a `Tracked` it reads those alone that were written since they were last named, or that are not here.
        """
        if isinstance(tensor, Tensor):
            return [self._write(piece) for piece in pieces(tensor)]
        names = []
        for index, known in enumerate(tensor.names()):
            if known is not None and known in self._sound:
                names.append(known)
                continue
            name = self._write(tensor.piece(index))
            if isinstance(tensor, Tracked):
                tensor.remember(index, name)
            names.append(name)
        return names

    def check(self, stored: Stored) -> None:
        """Reads every piece of a tensor. Raises ValueError if one is damaged, OSError if one is gone."""
        buffer = memoryview(bytearray(PIECE))
        for name, size in dict.fromkeys((name, stop - start) for name, start, stop in _places(stored)):
            self._read(name, buffer[:size])

    def load(self, stored: Stored) -> Tensor:
        """The tensor itself. Raises ValueError if a piece is damaged, OSError if one is gone."""
        places = _places(stored)
        whole = torch.empty(stored.shape, dtype=stored.dtype)
        content = as_bytes(whole).numpy().data
        for name, start, stop in places:
            self._read(name, content[start:stop])
        return whole

    def prune(self, used: set[str]) -> None:
        """Removes all files but the used ones, also those that were never finished."""
        if not self.folder.exists():
            return
        sync_folder(self.folder)
        for path in self.folder.iterdir():
            if path.name not in used:
                path.unlink()

    def _write(self, piece: memoryview) -> str:
        name = sha256(piece).hexdigest()
        if name not in self._sound:
            self.folder.mkdir(exist_ok=True)
            path = self.folder / name
            aside = path.with_suffix(".writing")
            write_durably(aside, piece)
            aside.rename(path)
            self._sound[name] = _stamp(path.stat())
        return name

    def _read(self, name: str, into: memoryview) -> None:
        self._sound.pop(name, None)
        self._sound[name] = _stamp(read_piece(self.folder, name, into))


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _places(stored: Stored) -> list[tuple[str, int, int]]:
    """The name of each piece and where its bytes start and stop. Raises ValueError if there are too many or too few."""
    if not isinstance(stored.dtype, torch.dtype):
        raise ValueError(f"{stored.dtype} is no dtype")
    places = spans(stored.nbytes)
    if len(places) != len(stored.pieces):
        raise ValueError(f"a tensor of {stored.nbytes} bytes has {len(stored.pieces)} pieces in place of {len(places)}")
    return [(name, start, stop) for name, (start, stop) in zip(stored.pieces, places)]
