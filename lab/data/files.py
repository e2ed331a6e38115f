"""Files of published data sets: found in the data folder or fetched from their publisher, and checked by SHA-256."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import NamedTemporaryFile

SECONDS = 30  # that a publisher may be silent


class DataError(OSError):
    """A file of a data set is missing, damaged or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class File:
    """A file as its publisher has it, alone or in a zip archive.

    Of one in an archive size and SHA-256 are those of its content: the archive's own bytes may be others tomorrow. It
    may lie in the data folder plain, or packed by gzip with .gz at the end of its name.
    """

    path: str  # below the data folder
    bytes: int
    sha256: str
    address: str
    member: str = ""  # its name in the archive at the address; none: at the address there is the file itself

    def there(self) -> Path | None:
        """Where it lies, whole or not; none if it does not."""
        path = data_folder() / self.path
        packed = path.with_name(f"{path.name}.gz")
        return next((place for place in ([path, packed] if self.member else [path]) if place.exists()), None)

    def find(self) -> Path:
        """Where it lies, whole; fetched first if it is not there, unless $LAB_OFFLINE is set.

        Raises DataError if it is damaged, or neither there nor to be had.
        """
        path = self.there()
        if path is None:
            path = data_folder() / self.path
            if os.environ.get("LAB_OFFLINE"):
                raise DataError(
                    f"{path} is not there, and $LAB_OFFLINE forbids to fetch it. Get it from {self.address} and put it "
                    f"there, or set $LAB_DATA to a folder that has {self.path}."
                )
            self._fetch(path)
        self.check(path)
        return path

    def check(self, path: Path) -> None:
        """Raises DataError if what lies at a path is not this file."""
        try:
            with gzip.open(path) if self.member and path.suffix == ".gz" else open(path, "rb") as file:
                found, size = file_digest(file, "sha256"), file.tell()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self._damaged(path, f"it is no whole gzip file ({error})") from error
        if found.hexdigest() != self.sha256:
            raise self._damaged(path, f"it has {size:,} bytes and SHA-256 {found.hexdigest()}")

    def _damaged(self, path: Path, how: str) -> DataError:
        return DataError(
            f"{path} is damaged: {how}, but the publisher's has {self.bytes:,} and {self.sha256}. Remove it, and it "
            f"will be fetched again from {self.address}."
        )

    def _fetch(self, path: Path) -> None:
        """Downloads it aside and renames it, so that no half of it is ever found."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
                try:
                    self._download(aside.name)
                    self.check(Path(aside.name))
                    os.chmod(aside.name, 0o644)
                    os.replace(aside.name, path)
                finally:
                    Path(aside.name).unlink(missing_ok=True)
        except OSError as error:  # urllib's errors among them
            why = getattr(error, "reason", None) or error.strerror or error
            raise DataError(
                f"{path} is not there, and could not be fetched from {self.address} ({why}). Get it by other means "
                f"and put it there, or set $LAB_DATA to a folder that has {self.path}."
            ) from error

    def _download(self, to: str) -> None:
        if sys.stderr.isatty():
            print(f"Fetching {self.address} ({self.bytes / 1e6:,.1f} MB) ...", file=sys.stderr)
        with urllib.request.urlopen(self.address, timeout=SECONDS) as response, open(to, "wb") as file:
            if self.member:
                file.write(_unpacked(response.read(), self.member, self.bytes))
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
