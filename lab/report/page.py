"""Puts the page together and writes it: one HTML file that needs no server and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from lab.report.arms import read_experiments
from lab.report.gather import count_set_aside
from lab.report.media import exhibits
from lab.report.overview import overview
from lab.report.sections import section
from lab.words import moment

_FOLDER = Path(__file__).resolve().parent


def write_report(runs_dir: Path, out: Path, experiments: Sequence[str] | None = None) -> Path:
    """Writes the page about the runs below `runs_dir`, of the named experiments or of all, and returns `out`.

    The page is written aside and renamed, so that two reports at once leave a whole one. Raises ValueError where
    `runs_dir` is no folder or a named experiment has no run; whatever else is amiss is told on the page.
    """
    page = render(runs_dir, experiments, now=datetime.now(UTC))
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        # An error message may hold halves of characters, which UTF-8 cannot say: they become question marks.
        aside.write_bytes(page.encode("utf-8", errors="replace"))
        os.replace(aside, out)
    finally:
        aside.unlink(missing_ok=True)
    return out


def render(runs_dir: Path, experiments: Sequence[str] | None, now: datetime) -> str:
    """The page as text."""
    found, unread = read_experiments(runs_dir, experiments)
    shown = exhibits(found)
    sections = [section(each, shown[each.name], unread[each.name], i) for i, each in enumerate(found, start=1)]
    script = (_FOLDER / "script.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": breakable, "dormant": dormant, "linked": linked, "tail": tail}
    return environment.get_template("template.html").render(
        overview=overview(found),
        sections=sections,
        rows=[row for each in sections for row in each.glance],
        runs_dir=runs_dir.name,
        set_aside=count_set_aside(runs_dir),
        written=moment(now),
        style=Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        # The browser runs this script alone and fetches nothing, whatever an error message or a name may hold.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def breakable(name: str) -> Markup:
    """The name, which may be broken over lines where its parts meet: after _ and /."""
    return Markup("").join(escape(part) + Markup("<wbr>") * (part in "_/") for part in re.split("([_/])", name))


def dormant(html: str) -> Markup:
    """HTML as text inside a script element, which the page's script unfolds.

    Only the ends of elements of script have to be hidden: whatever else an experiment says stands escaped in it.
    """
    return Markup(str(html).replace("</script", "<\\/script"))


def tail(setting: str) -> str:
    """The last two parts of a setting's dotted name, which say what it is of and what it is."""
    return ".".join(setting.split(".")[-2:])


def linked(text: str) -> Markup:
    """The text with its web addresses made links; the full stop or bracket after an address is none of it."""
    parts = re.split(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?()\[\]])", text)
    link = Markup('<a href="{0}" rel="noreferrer">{0}</a>')
    return Markup("").join(link.format(part) if i % 2 else escape(part) for i, part in enumerate(parts))
