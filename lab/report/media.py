"""Takes pictures and clips into the page as data, passages and tables as they are, within a budget that all share."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.report.arms import Arm, Experiment
from lab.report.grids import Table, read_grid
from lab.report.records import Medium, Run

BUDGET = 3 * 2**20  # bytes of files on the whole page; base64 makes them a third larger
_WIDE = 500  # pixels of width from which a picture takes a row of its own
_CELL = 100  # bytes of a table's cell on the page
_SMALL = 200  # pixels of width below which a picture is enlarged with its pixels kept sharp


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A picture, clip, passage or table as the page shows it; `uri` is None where it is left out, `note` says why."""

    name: str
    arm: str
    seed: int
    step: int
    unit: str
    place: str  # the file, relative to the runs folder
    kind: Literal["picture", "animation", "video", "passage", "table"]
    uri: str | None  # of a passage and a table empty: they stand on the page
    size: tuple[int, int] | None  # width and height in pixels; not known of videos
    note: str
    caption: str = ""
    text: str = ""
    table: Table | None = None

    @property
    def is_small(self) -> bool:
        return self.size is not None and self.size[0] < _SMALL

    @property
    def is_wide(self) -> bool:
        return self.kind in ("passage", "table") or (self.size is not None and self.size[0] >= _WIDE)


def exhibits(experiments: Sequence[Experiment], budget: int = BUDGET) -> dict[str, list[Exhibit]]:
    """What each experiment has to show, by its name: of every arm one seed, the newest of each name.

    Each experiment may use an equal share of the budget; what some leave over, the later ones may use.
    """
    chosen = {e.name: [(arm, run, medium) for arm in e.arms for run, medium in _of_one_seed(arm)] for e in experiments}
    showing = sum(1 for items in chosen.values() if items)
    shown: dict[str, list[Exhibit]] = {}
    # Whoever needs least is served first, so that nothing of the budget lies idle while a later one lacks it.
    for name in sorted(chosen, key=lambda name: sum(_bytes(medium) for _, _, medium in chosen[name])):
        share = budget // showing if showing else 0
        shown[name] = []
        for arm, run, medium in chosen[name]:
            exhibit, used = _exhibit(arm, run, medium, share)
            shown[name].append(exhibit)
            share -= used
            budget -= used
        showing -= bool(chosen[name])
    return shown


def _of_one_seed(arm: Arm) -> list[tuple[Run, Medium]]:
    """The media of one seed: the first that finished with any, else the first that has any."""
    having = [run for run in arm.runs if run.media]
    having.sort(key=lambda run: run.status.state != "finished")
    return [(having[0], medium) for medium in having[0].media] if having else []


def _bytes(medium: Medium) -> int:
    try:
        return medium.path.stat().st_size
    except OSError:
        return 0  # it went away meanwhile; reading it will say so


def _exhibit(arm: Arm, run: Run, medium: Medium, share: int) -> tuple[Exhibit, int]:
    """The exhibit and how many bytes of the share it uses."""
    suffix = medium.path.suffix
    table = read_grid(medium.numbers) if medium.numbers is not None else None
    if table is not None and _CELL * table.size <= share:
        shown = Exhibit(
            name=medium.name, arm=arm.label, seed=run.seed, step=medium.step, unit=run.unit, kind="table", uri="",
            place=f"{run.place}/media/{medium.path.name}", size=None, note="", caption=medium.caption, table=table,
        )  # fmt: skip
        return shown, _CELL * table.size
    note, data = "", b""
    if _bytes(medium) > share:
        note = f"left out to keep this page light: {_bytes(medium) / 2**20:.1f} MB"
    else:
        try:
            data = medium.path.read_bytes()
        except OSError as error:
            note = f"cannot be read: {error}"
        if not note and not _is_whole(data, suffix):
            note = f"is no whole {suffix.removeprefix('.').upper()} file; it was probably being written"
    mime = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}.get(suffix)
    uri = f"data:{mime};base64,{base64.b64encode(data).decode()}" if mime else ""
    exhibit = Exhibit(
        name=medium.name,
        arm=arm.label,
        seed=run.seed,
        step=medium.step,
        unit=run.unit,
        place=f"{run.place}/media/{medium.path.name}",
        kind={".png": "picture", ".gif": "animation", ".mp4": "video", ".txt": "passage"}[suffix],  # type: ignore[arg-type]
        uri=None if note else uri,
        size=None if note else _size(data, suffix),
        note=note,
        caption=medium.caption,
        text=data.decode(errors="replace").rstrip() if suffix == ".txt" else "",
    )
    return exhibit, 0 if note else len(data)


def _is_whole(data: bytes, suffix: str) -> bool:
    """Whether a file begins, and where its format allows to tell also ends, as it should."""
    if suffix == ".png":
        return data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) > 24 and b"IEND" in data[-12:]
    if suffix == ".gif":
        return data.startswith((b"GIF87a", b"GIF89a")) and data.endswith(b"\x3b")
    if suffix == ".txt":
        return data.endswith(b"\n")
    return data[4:8] == b"ftyp"


def _size(data: bytes, suffix: str) -> tuple[int, int] | None:
    if suffix == ".png":
        return struct.unpack(">II", data[16:24])
    if suffix == ".gif":
        return struct.unpack("<HH", data[6:10])
    return None
