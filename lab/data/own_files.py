"""Files of the user's own that a config names: by where they lie, and by a digest of what is in them.

A config has a field for the place and, beside it, one that ends in `_sha256` for the content:

    text: str = own_file()
    text_sha256: str = ""

    def __post_init__(self) -> None:
        pin(self, "text")

The digest shapes the run's address and the place does not: the same text elsewhere is the same run, another text in the
same place is another run, and what was learnt from one text is never loaded beside another.
"""

from __future__ import annotations

from dataclasses import field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, cast

from lab.data.text import opened


def own_file() -> str:
    """A config's field for the place of a file or folder; by default there is none."""
    return field(default="", metadata={"place": True})


def pin(config: Any, name: str) -> None:
    """Notes in a frozen config where the file or folder of its field `name` lies, and its digest if none is noted yet.

    For `__post_init__`. Raises ValueError if it is not there.
    """
    place, noted = getattr(config, name), getattr(config, f"{name}_sha256")
    if not place:
        return
    object.__setattr__(config, name, str(Path(place).resolve()))
    if not noted:
        object.__setattr__(config, f"{name}_sha256", digest_of_own(Path(place)))


def pinned(config: Any, name: str) -> Path | None:
    """The file or folder that the field `name` of a config names, as it was when the config was made; None for none.

    Raises ValueError if it is not there or was changed.
    """
    place, noted = getattr(config, name), getattr(config, f"{name}_sha256")
    if not place:
        return None
    if (found := digest_of_own(Path(place))) != noted:
        raise ValueError(
            f"{place} was changed: its SHA-256 is {found[:12]}..., but {name}_sha256 is {noted[:12]}..., that of what "
            "the run began with. Put the old content back, or begin another run with the new one, which takes "
            f"{name} without {name}_sha256."
        )
    return Path(place)


def digest_of_own(place: Path) -> str:
    """The SHA-256, in hex, of a file; of a folder, of its files' names and digests, the hidden ones left out."""
    if not place.is_dir():
        with opened(place, packed=True) as file:
            return file_digest(cast(Any, file), "sha256").hexdigest()  # IO[bytes] lacks a method that all files have
    files = sorted(path for path in place.rglob("*") if path.is_file())
    names = [path.relative_to(place) for path in files]
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    lines = [f"{name.as_posix()} {digest_of_own(place / name)}\n" for name in shown]
    return sha256("".join(lines).encode()).hexdigest()
