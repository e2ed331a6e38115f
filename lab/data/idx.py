"""IDX, the format of MNIST and Fashion-MNIST: a magic number, the sizes of the axes, and bytes.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from lab.data.files import DataError

_BYTES = 0x08  # the type code of unsigned bytes


def read_idx(path: Path) -> Tensor:
    """A file of unsigned bytes, plain or gzip, as uint8 of the shape that it states.

    Raises DataError, naming the file, if it is damaged or of another kind.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no whole gzip file ({error}). Get it again.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _BYTES:
        raise DataError(
            f"{path} begins with {content[:4].hex(' ') or 'nothing'}, but an IDX file of bytes begins with 00 00 08 "
            "and the number of its axes. It is another file, or damaged: get it again."
        )
    head = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, head, 4))
    if len(content) != head + prod(shape):
        raise DataError(
            f"{path} says that it holds {list(shape)}, which takes {head + prod(shape):,} bytes, but it has "
            f"{len(content):,}. It was cut off: get it again."
        )
    return torch.frombuffer(bytearray(content[head:]), dtype=torch.uint8).reshape(shape)
