"""The first examples of a published part, as many as a setting asks for."""

from __future__ import annotations

from lab.data import Dataset


def first(part: Dataset, count: int, setting: str, *, least: int = 1) -> Dataset:
    """The first `count` examples. Raises ValueError, naming the setting, for fewer than `least` and for more than there
    are, before a run that would fail by it at its end.
    """
    if not least <= count <= len(part):
        raise ValueError(
            f"{setting} is {count:,}, but at least {least:,} examples are taken, and there are {len(part):,}. Set it "
            f"from {least:,} to {len(part):,}."
        )
    return Dataset(part.inputs[:count], part.labels[:count])  # views: a copy may be as large as the training set
