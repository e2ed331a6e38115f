"""How the page writes numbers, durations and times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime


def number(value: float) -> str:
    """A measured value to four significant digits or so: 1,234  431.2  47.31  0.9861  1.2e-05."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        return minus(f"{value:.2e}")
    if size >= 1000:
        return minus(f"{value:,.0f}")
    return minus(f"{value:.{max(0, min(6, 3 - math.floor(math.log10(size))))}f}")


def plain(value: float) -> str:
    """A number that somebody stated, as short as it can be said: 475, 0.985, -90."""
    if value == int(value) and abs(value) < 1e15:
        return minus(f"{int(value):,}")
    return minus(f"{value:.6g}")


def short(value: float) -> str:
    """A number for an axis: 0, 500, 20k, 1.5M, 0.25."""
    for size, letter in [(1e9, "G"), (1e6, "M"), (1e4, "k")]:
        if abs(value) >= size:
            return minus(f"{value / (1e3 if letter == 'k' else size):.6g}{letter}")
    return minus(f"{value:,.6g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.0e}")


def minus(text: str) -> str:
    """The text with a true minus sign, which is as wide as a plus and as a digit."""
    return text.replace("-", "−")


def count(value: int) -> str:
    return f"{value:,}"


def range_said(counts: Sequence[int]) -> str:
    """The least and the greatest of some counts: 300–1,500; 300 where they are one."""
    low, high = min(counts), max(counts)
    return count(low) if low == high else f"{count(low)}–{count(high)}"


def duration(seconds: float) -> str:
    """8.2 s, 41 s, 3 min 12 s, 1 h 12 min, 2 d 3 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, small, small_unit in [
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ]:
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"


def value_said(value: object) -> str:
    """A setting's value, to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def energy(joules: float) -> str:
    """850 J, 1.2 Wh, 34 Wh, 2.1 kWh."""
    if joules < 1000:
        return f"{joules:.0f} J"
    hours = joules / 3600
    size, unit = (hours / 1000, "kWh") if hours >= 1000 else (hours, "Wh")
    return f"{size:.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"


def parse_time(text: str) -> datetime | None:
    """An ISO time in UTC, which it is taken to be where it names no zone; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def moment(time: datetime) -> str:
    """A time in UTC as 21 Nov 2025, 01:43 UTC; not to be broken over lines."""
    return f"{time.day} {time:%b %Y, %H:%M} UTC".replace(" ", "\N{NO-BREAK SPACE}")


def listed(items: list[str]) -> str:
    """a; a and b; a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
