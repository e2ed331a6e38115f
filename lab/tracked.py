"""Large tensors in pieces that have names: what was not written since a checkpoint is neither read nor saved again.

A piece is 1 MiB of a tensor's bytes as they lie in memory (the last one what is left), and its name the SHA-256 of
them. A name says what a piece holds and nothing about where it was saved, so whoever knows it needs no other look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor

PIECE = 1 << 20  # bytes
AnyTensor = Union[Tensor, "Tracked", "Stored"]


class Tracked:
    """A large tensor [rows, ...] that knows which of its pieces were written since they were last named.

    Whoever writes to `tensor` says so by `wrote`: what is not told is not saved. A state_dict holds the Tracked
    itself; a copy of it (`copy.deepcopy`) is independent.
    """

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str = "cpu"):
        """Zeros, which take up no memory of a processor until they are written."""
        self.tensor = _zeros(shape, dtype, torch.device(device))
        self._bytes = as_bytes(self.tensor)
        # Rows are noted by blocks of a power of two of them, a quarter of a piece or less: a shift finds the block.
        self._row = max(self.tensor[:1].nbytes, 1)  # bytes
        self._shift = max((PIECE // 4 // self._row).bit_length() - 1, 0)
        self._written = np.zeros((len(self.tensor) >> self._shift) + 1, bool)  # by block
        self._names: list[str | None] = [_name_of_zeros(stop - start) for start, stop in spans(self.nbytes)]

    @property
    def shape(self) -> torch.Size:
        """The tensor's."""
        return self.tensor.shape

    @property
    def dtype(self) -> torch.dtype:
        """The tensor's."""
        return self.tensor.dtype

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self._bytes.numel()

    def wrote(self, rows: np.ndarray | slice | int) -> None:
        """Takes note that these rows along axis 0 were just written; in an array they are numbers from 0 on."""
        if isinstance(rows, np.ndarray):
            if rows.size and rows.min() < 0:  # counted from the end, their blocks would be others
                raise IndexError(f"Rows are counted from 0 on, but the lowest of these is {rows.min()}.")
            self._written[rows >> self._shift] = True
        elif isinstance(rows, slice):
            within = range(len(self.tensor))[rows]
            if within:
                low, high = min(within[0], within[-1]), max(within[0], within[-1])
                self._written[low >> self._shift : (high >> self._shift) + 1] = True
        else:
            self._written[range(len(self.tensor))[rows] >> self._shift] = True

    def take(self, source: AnyTensor) -> None:
        """Copies a saved one in, which `load_state_dict` does. Pieces that are known to be equal are passed over.

        Raises ValueError if it has another shape or dtype, or if its pieces on the disk were damaged, and OSError
        if they are gone.
        """
        if source.shape != self.shape or source.dtype != self.dtype:
            raise ValueError(
                f"A tensor {list(source.shape)} of {source.dtype} was saved, but here it is {list(self.shape)} of "
                f"{self.dtype}. Go on with the settings that the run began with."
            )
        if isinstance(source, Tensor):
            self._names[:] = [None] * len(self._names)
            self.tensor.copy_(source)
            return
        mine, theirs = self.names(), source.names()
        for index, (start, stop) in enumerate(spans(self.nbytes)):
            if theirs[index] is None or mine[index] != theirs[index]:
                self._names[index] = None  # should reading fail half way
                source.copy(index, self._bytes[start:stop])
                self._names[index] = theirs[index]

    def names(self) -> list[str | None]:
        """The name of each piece, None where it was written since it was remembered."""
        for block in np.flatnonzero(self._written).tolist():
            start = (block << self._shift) * self._row
            stop = min(start + (self._row << self._shift), self.nbytes)
            for index in range(start // PIECE, -(-stop // PIECE)):
                self._names[index] = None
        self._written[:] = False
        return list(self._names)

    def remember(self, index: int, name: str) -> None:
        """Takes note of the name of a piece as it is now."""
        self._names[index] = name

    def piece(self, index: int) -> memoryview:
        """The bytes of a piece, in the memory of the host: not a copy if the tensor is there."""
        return self._bytes[index * PIECE : (index + 1) * PIECE].cpu().numpy().data

    def copy(self, index: int, target: Tensor) -> None:
        """Copies a piece to bytes [size] anywhere."""
        target.copy_(self._bytes[index * PIECE : (index + 1) * PIECE])

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracked:
        copied = Tracked(tuple(self.shape), self.dtype, self.tensor.device)
        copied.take(self)
        return copied


@dataclass(frozen=True)
class Stored:
    """A tensor whose pieces lie in files, each under its name: what a checkpoint gives back of a `Tracked`.

    It is good until the checkpoint is removed, so it is taken up at once.
    """

    shape: torch.Size
    dtype: torch.dtype
    folder: Path
    pieces: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return prod(self.shape) * self.dtype.itemsize

    def names(self) -> list[str | None]:
        """The name of each piece."""
        return list(self.pieces)

    def piece(self, index: int) -> memoryview:
        """The bytes of a piece, checked. Raises ValueError if they are damaged, OSError if they are gone."""
        start, stop = spans(self.nbytes)[index]
        content = memoryview(bytearray(stop - start))
        read_piece(self.folder, self.pieces[index], content)
        return content

    def copy(self, index: int, target: Tensor) -> None:
        """Reads a piece into bytes [size] anywhere: straight, if they are in the memory of the host."""
        if target.device.type == "cpu":
            read_piece(self.folder, self.pieces[index], target.numpy().data)
        else:
            target.copy_(torch.frombuffer(self.piece(index), dtype=torch.uint8))


def spans(nbytes: int) -> list[tuple[int, int]]:
    """Where each piece of so many bytes starts and stops."""
    return [(start, min(start + PIECE, nbytes)) for start in range(0, nbytes, PIECE)]


def pieces(tensor: AnyTensor) -> Iterator[memoryview]:
    """The bytes of a tensor, piece by piece; a plain one is contiguous and in the memory of the host."""
    if isinstance(tensor, Tensor):
        whole = as_bytes(tensor).numpy().data
        yield from (whole[start:stop] for start, stop in spans(len(whole)))
    else:
        yield from (tensor.piece(index) for index in range(len(spans(tensor.nbytes))))


def as_bytes(tensor: Tensor) -> Tensor:
    """The memory of a contiguous tensor as bytes [size]."""
    if tensor.numel() == 0:  # its strides may be any, and then it has no view as bytes
        return torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return tensor.reshape(-1).view(torch.uint8)


def read_piece(folder: Path, name: str, into: memoryview) -> os.stat_result:
    """Reads a piece, which fills `into`, and returns its file's status. Raises ValueError if it is not what it was."""
    with open(folder / name, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size != len(into) or file.readinto(into) != len(into):
            raise ValueError(f"pieces/{name} holds {status.st_size} bytes in place of {len(into)}")
    if sha256(into).hexdigest() != name:
        raise ValueError(f"pieces/{name} does not match its checksum")
    return status


@cache
def _name_of_zeros(size: int) -> str:
    return sha256(bytes(size)).hexdigest()


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    if device.type != "cpu" or 0 in shape:
        return torch.zeros(shape, dtype=dtype, device=device)
    # By numpy, which takes pages from the system that are zero already; torch would write them.
    return torch.from_numpy(np.zeros(prod(shape) * dtype.itemsize, np.uint8)).view(dtype).reshape(shape)
