"""What files of text have in common: opening them, naming a place in them, and numbering the classes they name."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from lab.names import did_you_mean

SHOWN = 40  # characters of the user's text that an error quotes


_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


@contextmanager
def opened(path: Path, *, packed: bool = False) -> Iterator[IO[bytes]]:
    """A file's bytes to read; unpacked if its name ends in .gz or .xz, unless they are wanted `packed`.

    Raises ValueError, which names the file, if it is not there, is a folder or does not unpack.
    """
    ending = "" if packed else path.suffix.lower()
    try:
        with _OPENERS.get(ending, open)(path, "rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"There is no file {path}. Check the path; a relative one starts at {Path.cwd()}.") from error
    except IsADirectoryError as error:
        raise ValueError(f"{path} is a folder, but one file is read. Name a file in it.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        kind = {".gz": "gzip", ".xz": "xz"}.get(ending, "packed")
        raise ValueError(f"{path} is no whole {kind} file ({error}). Pack or copy it again.") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # in bytes, and by the file system
            raise
        raise ValueError(
            f"{shown(str(path))} is too long for the name of a file. If it is the text itself, give it as sentences: "
            "lists of words."
        ) from error


@contextmanager
def packing(path: Path, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """What is written is put into the file, which stays open; packed if the name of the path ends as `opened` unpacks.

    The same content gives the same bytes: no time and no name are packed with it.
    """
    if (ending := path.suffix.lower()) == ".gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            yield cast(IO[bytes], packed)
    elif ending == ".xz":
        with lzma.open(file, "wb") as packed:
            yield packed
    else:
        yield file


def decoded(path: Path, content: bytes, before: int = 0) -> str:
    """UTF-8 as text; `before` lines of the file come before it. Raises ValueError, which names file and line."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = before + len((content[: error.start] + b".").splitlines())  # the "." stands for the byte on that line
        raise ValueError(
            f"{place(path, line)}: the byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        ) from error


def nothing_in(path: Path) -> ValueError:
    """The error for a file without a word."""
    return ValueError(f"{path} is empty, so there is nothing to learn from. Check that it was written to its end.")


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file, without its byte order mark; unpacked first if its name ends in .gz or .xz.

    Line ends stay as they are. Raises ValueError as `opened` does, and if it is not UTF-8 or is empty.
    """
    with opened(path) as file:
        content = file.read()
    text = decoded(path, content.removeprefix(codecs.BOM_UTF8))
    if not text.strip():
        raise nothing_in(path)
    return text


def lines_of(path: Path, text: str, each: str) -> list[str]:
    """The lines of a file's text, none empty: ValueError, which names the line, says that `each line` is something.

    Not by str.splitlines, which also breaks a text at form feeds and other characters that editors show within a line.
    """
    lines = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(f"{place(path, number)} is empty, but each line {each}. Fill it in or remove it.")
    return lines


def place(path: Path, line: int, column: str | None = None) -> str:
    """How an error names a place: the line is counted from 1, as an editor shows it."""
    return f"{path}, line {line}" + (f", column {column!r}" if column is not None else "")


def shown(text: str) -> str:
    """Text as an error quotes it: in quotes, and cut if it is long."""
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")


def number_classes(
    path: Path, lines: Sequence[int], names: Sequence[str], classes: Sequence[str] | None, column: str | None = None
) -> tuple[Tensor, tuple[str, ...]]:
    """The labels int64 [N] of the named classes, and the classes: those given, else all names, sorted as text.

    Label i is the class `classes[i]`. Raises ValueError if a class is given twice or a name is not among those given.
    """
    known = tuple(sorted(set(names)) if classes is None else classes)
    labels = {name: label for label, name in enumerate(known)}
    if len(labels) < len(known):
        raise ValueError(f"classes is {known}, which names a class twice. Name each class once.")
    for line, name in zip(lines, names):
        if name not in labels:
            raise ValueError(
                f"{place(path, line, column)}: {shown(name)} is not among the {len(known)} given classes. "
                f"{did_you_mean(name, known)}"
            )
    return torch.tensor([labels[name] for name in names], dtype=torch.int64), known
