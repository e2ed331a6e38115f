"""Writing files so that they are on the disk, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder, new and renamed ones, to the disk."""
    if os.name == "nt":  # Windows cannot open folders; its renames are durable enough
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes | memoryview) -> None:
    """Writes a file and waits until the disk has it."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def written_aside(path: Path) -> Iterator[IO[bytes]]:
    """A file to write piece by piece, which is at `path` once all is written and on the disk.

    If the writing fails, or is stopped, what was at `path` before is untouched. Folders on the way are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(aside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lets one process at a time do what follows with a folder; the others wait."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes in one folder are not kept apart there
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
