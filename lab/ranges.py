"""Refuses settings out of their range."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lab.names import did_you_mean


def check_name(name: str, valid: Iterable[str], setting: str) -> None:
    """Raises ValueError for a value that names nothing, with the nearest that does."""
    if name not in valid:
        raise ValueError(f"{setting} is {name!r}, which names nothing here. {did_you_mean(name, valid)}")


def check_choices(config: Any) -> None:
    """Raises ValueError for a field of a dataclass that is a choice, as a Literal says, and holds none of its values.

    The command line and config.json are checked anyway; this is for whoever builds a config in Python.
    """
    kind: Any = type(config)
    for name, valid in _choices(kind).items():
        check_name(getattr(config, name), valid, name)


@cache
def _choices(kind: type) -> dict[str, tuple[Any, ...]]:
    return {name: get_args(hint) for name, hint in get_type_hints(kind).items() if get_origin(hint) is Literal}


def check_least(config: Any, **least: float) -> None:
    """Raises ValueError for a number of a config that is below what it can be: `check_least(self, size=1)`."""
    for name, lowest in least.items():
        if not (value := getattr(config, name)) >= lowest:  # so that NaN is refused as well
            raise ValueError(f"{name} is {value}, but it is {lowest} or more. Raise it.")


def check_odd(config: Any, **least: int) -> None:
    """Raises ValueError for a number of a config that has no middle or is below what it can be:
    `check_odd(self, kernel_size=1)`.
    """
    for name, lowest in least.items():
        value = getattr(config, name)
        if value < lowest or value % 2 == 0:
            raise ValueError(f"{name} is {value}, but it has a middle and is {lowest} or more. Give an odd number.")


def check_share(config: Any, *names: str, whole: bool = True) -> None:
    """Raises ValueError for a number of a config that is no share, from 0 to 1, or to below 1 if never `whole`."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value <= 1 or (value == 1 and not whole):
            raise ValueError(f"{name} is {value}, but it is a share. Set it from 0 to {'1' if whole else 'below 1'}.")
