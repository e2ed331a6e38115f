"""Bundles: many small files of a publisher's zip archive, kept together as one .tar.xz."""

from __future__ import annotations

import io
import lzma
import tarfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, cast

from lab.data.files import SECONDS, DataError, File, data_folder


@dataclass(frozen=True)
class Bundle(File):
    """The files of a zip archive whose names match `member`, a pattern such as */recordings/?_lucas_*.wav.

    Size and SHA-256 are those of the files' content, one after another in the order of their names, each preceded by
    its name without folders: how the archives were packed does not matter. What is fetched is packed at `path`.
    """

    def there(self) -> Path | None:
        """Where it lies, whole or not; none if it does not."""
        path = data_folder() / self.path
        return path if path.exists() else None

    def check(self, path: Path) -> None:
        """Raises DataError if what lies at a path is not this bundle."""
        self._unpacked(path)

    def contents(self) -> dict[str, bytes]:
        """The files by name, in the order of their names; raises as `find` does."""
        path = self.there()
        return self._unpacked(self.find() if path is None else path)

    def _unpacked(self, path: Path) -> dict[str, bytes]:
        try:
            with tarfile.open(path) as archive:
                files = [member for member in archive if member.isfile()]
                found = _by_name((member.name, cast(IO[bytes], archive.extractfile(member)).read()) for member in files)
        except (tarfile.TarError, lzma.LZMAError, EOFError, zlib.error) as error:
            raise self._damaged(path, f"it does not unpack ({error})") from error
        size, digest = _measured(found)
        if digest != self.sha256:
            raise self._damaged(path, f"its {len(found)} files have {size:,} bytes and SHA-256 {digest}")
        return found

    def _download(self, to: str) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(_archive(self.address))) as members:
                chosen = [info for info in members.infolist() if fnmatchcase(info.filename, self.member)]
                if sum(info.file_size for info in chosen) > self.size:
                    raise DataError(f"the files {self.member} in the archive are larger than they should be")
                found = _by_name((info.filename, members.read(info)) for info in chosen)
        except (zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise DataError(f"no whole {self.member} in the archive: {error}") from error
        with tarfile.open(to, "w:xz") as archive:
            for name, content in found.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


@lru_cache(maxsize=1)
def _archive(address: str) -> bytes:
    """Kept, because several bundles come from one archive."""
    with urllib.request.urlopen(address, timeout=SECONDS) as response:
        return response.read()


def _by_name(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    return dict(sorted((PurePosixPath(name).name, content) for name, content in files))


def _measured(files: dict[str, bytes]) -> tuple[int, str]:
    """The size of all contents, and the SHA-256 of names and contents."""
    digest = sha256()
    for name, content in files.items():
        digest.update(name.encode())
        digest.update(content)
    return sum(map(len, files.values())), digest.hexdigest()
