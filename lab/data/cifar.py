"""CIFAR-10's binary format: records of a label's byte and 3 x 32 x 32 pixels, in files in an archive.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images", https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from lab.data.files import DataError

SIDE = 32  # pixels
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAINING = tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))
TEST = ("cifar-10-batches-bin/test_batch.bin",)
_RECORD = 1 + 3 * SIDE * SIDE  # bytes


def read_cifar(path: Path, members: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Images [N, 3, 32, 32] uint8 and labels [N] int64 of some files in the archive (.tar.gz), in their order.

    Raises DataError, naming the archive and the file in it, if one is missing or damaged.
    """
    parts = []
    try:
        with tarfile.open(path) as archive:
            for member in members:
                file = archive.extractfile(member)
                assert file is not None, f"{member} is a folder"
                parts.append(_records(file.read(), f"{path}: {member}"))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no whole archive ({error}). Get it again.") from error
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}. It is another archive than cifar-10-binary.tar.gz.") from error
    records = torch.cat(parts)
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE).contiguous(), records[:, 0].long()


def _records(content: bytes, name: str) -> Tensor:
    if not content or len(content) % _RECORD:
        raise DataError(f"{name} has {len(content):,} bytes, which are no whole records of {_RECORD:,}. Get it again.")
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, _RECORD)
    wrong = (records[:, 0] >= len(CLASSES)).nonzero()
    if len(wrong):
        first = int(wrong[0])
        raise DataError(f"{name}: record {first} has the label {int(records[first, 0])}, but there are 0 to 9.")
    return records
