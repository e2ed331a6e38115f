"""Files of published data sets: found in the data folder or fetched from their publisher, and checked by SHA-256."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}
_NOT_PACKED = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, KeyError)
SECONDS = 30  # that a publisher may be silent


class DataError(OSError):
    """A file of a data set is missing, damaged or not what it should be; the message says what to do."""


class MissingData(DataError):
    """A file of a data set is not there, and not to be had; tests take it as the reason to be skipped."""


class _Damaged(DataError):
    """What lies there is not the file."""

    how: str


class _AnotherVersion(DataError):
    """The publisher has changed a file."""


@dataclass(frozen=True)
class File:
    """A file as its publisher has it, alone or in a zip archive.

    Of one in an archive size and SHA-256 are those of its content: the archive's own bytes may be others tomorrow. In
    the data folder it may lie plain, packed with .gz or .xz at the end of its name, or in the archive that `kept_in`
    names.
    """

    path: str  # below the data folder
    size: int  # bytes
    sha256: str
    address: str  # none: no publisher has it in this form, so it is the user's to bring
    member: str = ""  # its name in the zip archive at the address; none: at the address there is the file itself
    kept_in: str = ""  # a tar archive below the data folder that may hold it under `path`; none: no such

    def there(self) -> Path | None:
        """Where it lies, whole or not, or the archive that it lies in; none if it does not."""
        path = data_folder() / self.path
        places = [path, *(path.with_name(path.name + ending) for ending in _OPENERS)]
        if self.kept_in:
            places.append(data_folder() / self.kept_in)
        return next((place for place in places if place.exists()), None)

    def stamp(self) -> tuple[str, int, int] | None:
        """Where it lies, its size and when it was written: another stamp, another file. None if it is not there."""
        place = self.there()
        return None if place is None else (str(place), place.stat().st_size, place.stat().st_mtime_ns)

    def find(self) -> Path:
        """Where it lies, whole; fetched first if it is not there, unless $LAB_OFFLINE is set.

        Raises DataError if it is damaged, MissingData if it is neither there nor to be had.
        """
        path = self.there()
        if path is None:
            path = data_folder() / self.path
            if not self.address:
                raise MissingData(
                    f"{path} is not there, and no publisher has it in this form. Put it there, or set $LAB_DATA to a "
                    f"folder that has {self.path}."
                )
            if os.environ.get("LAB_OFFLINE"):
                raise MissingData(
                    f"{path} is not there, and $LAB_OFFLINE forbids to fetch it. Get it from {self.address} and put it "
                    f"there, or set $LAB_DATA to a folder that has {self.path}."
                )
            self._fetch(path)
        self.check(path)
        return path

    def content(self) -> bytes:
        """What stands in it, unpacked; raises as `find` does."""
        path = self.there() or self.find()
        try:
            with self._open(path) as file:
                content = file.read()
        except _NOT_PACKED as error:
            raise self._damaged(path, f"it does not unpack ({error})") from error
        self._compare(path, sha256(content).hexdigest(), len(content))
        return content

    def check(self, path: Path) -> None:
        """Raises DataError if what lies at a path is not this file."""
        try:
            with self._open(path) as file:
                found, size = file_digest(file, "sha256"), file.tell()
        except _NOT_PACKED as error:
            raise self._damaged(path, f"it does not unpack ({error})") from error
        self._compare(path, found.hexdigest(), size)

    def _compare(self, path: Path, digest: str, size: int) -> None:
        if digest != self.sha256:
            raise self._damaged(path, f"it has {size:,} bytes and SHA-256 {digest}")

    @contextmanager
    def _open(self, path: Path) -> Iterator[Any]:
        if self.kept_in and path == data_folder() / self.kept_in:
            with tarfile.open(path) as archive, cast(IO[bytes], archive.extractfile(self.path)) as file:
                yield file
        elif path.suffix in _OPENERS and path.name != Path(self.path).name:
            with _OPENERS[path.suffix](path) as file:
                yield file
        else:
            with open(path, "rb") as file:
                yield file

    def _damaged(self, path: Path, how: str) -> DataError:
        again = f"Remove it, and it will be fetched again from {self.address}." if self.address else "Copy it again."
        error = _Damaged(f"{path} is damaged: {how}, but the publisher's has {self.size:,} and {self.sha256}. {again}")
        error.how = how
        return error

    def _fetch(self, path: Path) -> None:
        """Downloads it aside and renames it, so that no half of it is ever found."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
                try:
                    self._download(aside.name)
                    self._refuse_another(Path(aside.name), path)
                    os.chmod(aside.name, 0o644)
                    os.replace(aside.name, path)
                finally:
                    Path(aside.name).unlink(missing_ok=True)
        except _AnotherVersion:
            raise
        except OSError as error:  # urllib's errors among them
            why = getattr(error, "reason", None) or error.strerror or error
            raise MissingData(
                f"{path} is not there, and could not be fetched from {self.address} ({why}). Get it by other means "
                f"and put it there, or set $LAB_DATA to a folder that has {self.path}."
            ) from error

    def _refuse_another(self, fetched: Path, path: Path) -> None:
        """Raises DataError if what the publisher has today is not this file."""
        try:
            self.check(fetched)
        except _Damaged as error:
            raise _AnotherVersion(
                f"{path} is not there, and {self.address} has another version of it now: {error.how}, but what is told "
                f"here is of the one with {self.size:,} and {self.sha256}. Get that one by other means and put it "
                f"there, or set $LAB_DATA to a folder that has {self.path}."
            ) from error

    def _download(self, to: str) -> None:
        if sys.stderr.isatty():
            print(f"Fetching {self.address} ({self.size / 1e6:,.1f} MB) ...", file=sys.stderr)
        with urllib.request.urlopen(self.address, timeout=SECONDS) as response, open(to, "wb") as file:
            if self.member:
                file.write(_unpacked(response.read(), self.member, self.size))
            else:
                shutil.copyfileobj(response, file)


def _unpacked(archive: bytes, member: str, size: int) -> bytes:
    """A member of a zip archive that should have `size` bytes. Raises DataError if it is not there or damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members, members.open(member) as packed:
            return packed.read(size + 1)  # a byte more betrays another file, and no bomb goes off
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise DataError(f"no whole {member} in the archive: {error}") from error


def data_folder() -> Path:
    """$LAB_DATA, or `lab/data` in the user's cache folder."""
    if given := os.environ.get("LAB_DATA"):
        return Path(given)
    mac = Path.home() / "Library" / "Caches"
    caches = os.environ.get("XDG_CACHE_HOME") or (mac if sys.platform == "darwin" else Path.home() / ".cache")
    return Path(caches) / "lab" / "data"
