"""Files of published data sets: found in the data folder or fetched from their publisher, and checked by SHA-256."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

SECONDS = 30  # that a publisher may be silent


class DataError(OSError):
    """A file of a data set is missing, damaged or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class File:
    """A file as its publisher has it."""

    path: str  # below the data folder
    bytes: int
    sha256: str
    address: str

    def find(self) -> Path:
        """Where it lies, whole; fetched first if it is not there, unless $LAB_OFFLINE is set.

        Raises DataError if it is damaged, or neither there nor to be had.
        """
        path = data_folder() / self.path
        if not path.exists():
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
        with open(path, "rb") as file:
            size, found = os.fstat(file.fileno()).st_size, sha256()
            while chunk := file.read(1 << 20):
                found.update(chunk)
        if found.hexdigest() != self.sha256:
            raise DataError(
                f"{path} is damaged: it has {size:,} bytes and SHA-256 {found.hexdigest()}, but the publisher's has "
                f"{self.bytes:,} and {self.sha256}. Remove it, and it will be fetched again from {self.address}."
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
            shutil.copyfileobj(response, file)


def data_folder() -> Path:
    """$LAB_DATA, or `lab/data` in the user's cache folder."""
    if given := os.environ.get("LAB_DATA"):
        return Path(given)
    mac = Path.home() / "Library" / "Caches"
    caches = os.environ.get("XDG_CACHE_HOME") or (mac if sys.platform == "darwin" else Path.home() / ".cache")
    return Path(caches) / "lab" / "data"
